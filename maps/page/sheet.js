// The page: puts sheet, sources, canvases and panel together on a Leaflet map that Folium made.
"use strict";
((Sky) => {
  const make = (...parts) => Sky.make(...parts);

  // Tiles that lie in the page itself, by "z/x/y".
  const InlineTiles = L.GridLayer.extend({
    initialize(tiles, options) { this.tiles = tiles; L.GridLayer.prototype.initialize.call(this, options); },
    createTile(at) {
      const image = document.createElement("img");
      image.alt = "";
      image.src = this.tiles[`${at.z}/${at.x}/${at.y}`] || "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==";
      return image;
    },
  });

  Sky.Page = class {
    constructor(map, sheet, root) {
      Object.assign(this, { map, sheet, root, words: sheet.words, by: "severity", cover: "views", drawn: [], heat: null, comparing: false, span: [0, -1], aircraft: new Map() });
      this.on = { marks: true, sites: true, zones: true, areas: true, ways: true, changes: true, seen: true, unseen: true, footprints: false, mosaics: true, others: false, ellipses: true, heat: false };
      this.wanted = { hazard: new Set(), state: new Set(), severity: new Set(), value: new Set(), age: 0, window: null, site: "" };
      this.takeGround(sheet);
      this.source = sheet.marksFrom ? new Sky.RemoteMarks(sheet.marksFrom, sheet.totals) : new Sky.LocalMarks(sheet.marks, sheet.drawnAt);
      this.source.map = map; this.source.by = this.by;
      const remote = Boolean(sheet.groundFrom); // the ground comes later, and the next page of patrols may have what this one has not
      this.there = {
        sites: remote || this.sites.length, zones: remote || this.zones.length, areas: remote || this.areas.length, ways: remote || this.patrols.length,
        changes: remote || this.patrols.some((one) => one.changes.length), seen: remote || this.patrols.length,
        footprints: remote || this.patrols.some((one) => one.footprints.length), unseen: remote || this.wantedGround.length,
        mosaics: remote || this.patrols.some((one) => one.mosaic), others: sheet.others.length, ellipses: true, heat: true, marks: true,
      };
      this.makeCanvases();
      Sky.fillFilters(this);
      Sky.wirePanel(this);
      map.on("click", (event) => this.click(event));
      if (sheet.marksFrom) map.on("moveend", () => this.ask());
      Sky.readyToPrint(this);
      this.tellLeftOut();
      this.apply();
      this.showMosaics();
    }

    takeGround(sheet) {
      const shapes = (list, keep = (one) => one) => list.map((one) => new Sky.Shape(one.shape, keep(one)));
      this.sites = shapes(sheet.sites); this.zones = shapes(sheet.zones); this.closed = shapes(sheet.closed);
      this.areas = shapes(sheet.areas);
      this.patrols = sheet.patrols.map((one) => ({ ...one, ...coverageOf(one), ways: new Sky.Shape(one.ways), footprints: shapes(one.footprints), changes: shapes(one.changes, (change) => ({ ...change, patrol: one.name })) }));
      this.others = sheet.others.length ? sheet.others : null;
    }

    // Steps of how often, or how finely, ground was seen: the least first.
    steps() {
      const { look } = this.sheet;
      return this.cover === "views" ? look.views.map(({ least, colour }) => ({ step: least, colour })) : look.gsd.map(({ most, colour }) => ({ step: most, colour }));
    }

    // A step in words: "seen 3–5×", "4 cm a pixel or finer".
    stepWords(step, cover) {
      const { words, sheet: { look } } = this;
      if (cover === "gsd") return words.finerThan.replace("{cm}", step);
      const next = look.views.find(({ least }) => least > step)?.least;
      return words.timesSeen.replace("{times}", !next ? `${step}+` : next - 1 > step ? `${step}–${next - 1}` : step);
    }

    // Ground that was to be looked at: sites always, planned areas while they are shown.
    get wantedGround() { return this.on.areas ? [...this.sites, ...this.areas] : this.sites; }

    // Another page of patrols: older or newer ones take the place of those on the map.
    async turn(number) {
      try {
        const answer = await fetch(`${this.sheet.groundFrom}?page=${number}`, { credentials: "same-origin" });
        if (!answer.ok) throw new Error(`${answer.status}`);
        Object.assign(this.sheet, await answer.json());
      } catch { this.failed(); return; }
      this.takeGround(this.sheet);
      this.map.closePopup();
      this.retime();
      this.repair();
      Sky.fillLegend(this);
      this.tellLeftOut();
    }

    crs() { return this.map.options.crs; }

    othersWorld() {
      if (!this.othersAt || this.othersAt.crs !== this.crs()) this.othersAt = Sky.worldOf(this.crs(), this.others.map((one) => one[0]), this.others.map((one) => one[1]));
      return this.othersAt;
    }

    makeCanvases() {
      const layer = (name, order, paint) => {
        this.map.createPane(name).style.zIndex = String(order);
        this.map.getPane(name).style.pointerEvents = "none";
        return new Sky.CanvasLayer((ink, view) => paint(ink, view, this), { pane: name }).addTo(this.map);
      };
      this.map.createPane("sky-mosaics").style.zIndex = "300";
      this.canvases = [layer("sky-coverage", 305, Sky.paintCoverage), layer("sky-ground", 310, Sky.paintGround), layer("sky-traces", 320, Sky.paintTraces), layer("sky-unseen", 330, Sky.paintUnseen),
        layer("sky-heat", 340, Sky.paintHeat), layer("sky-changes", 345, Sky.paintChanges), layer("sky-marks", 350, Sky.paintMarks), layer("sky-air", 360, Sky.paintAircraft)];
    }

    chosen() { return this.patrols.slice(this.span[0], this.span[1] + 1); }

    colourOf = (kind) => {
      const { look } = this.sheet;
      if (this.by === "age") return look.age.find((one) => kind <= one.days * 1440)?.colour ?? look.age[look.age.length - 1].colour;
      return look[this.by][kind]?.colour ?? "#7b8794";
    };

    redraw() {
      for (const layer of this.canvases) layer.redraw();
      this.showMosaics();
      requestAnimationFrame(() => requestAnimationFrame(() => { if (String(this.heat) !== this.heatShown) { this.heatShown = String(this.heat); Sky.fillLegend(this); } }));
    }

    async refresh() {
      this.source.by = this.by;
      await this.ask();
      this.redraw();
    }

    async ask() {
      try { this.tell(await this.source.refresh(this.map, this.by, this.on.heat)); } catch { this.failed(); return; }
      this.redraw();
    }

    async apply() {
      let shown;
      try { shown = await this.source.filter(this.wanted); } catch { this.failed(); return; }
      this.tell(shown);
      this.redraw();
    }

    failed() { this.root.querySelector(".sky-count").textContent = this.words.noAnswer; }

    tell(shown) {
      if (shown === undefined) return;
      if (this.source.changed) { this.source.changed = false; Sky.fillFilters(this); } // more of something, or of something new
      const all = Object.values(this.source.totals().severity || {}).reduce((a, b) => a + b, 0);
      this.root.querySelector(".sky-count").textContent = this.words.count.replace("{shown}", shown.toLocaleString()).replace("{all}", all.toLocaleString());
      this.shownCount = shown;
    }

    // Patrols that are missing from the map are told on it, or ground they saw would seem not looked at.
    tellLeftOut() {
      const place = this.root.querySelector(".sky-fault"), { leftOut } = this.sheet;
      place.hidden = !leftOut;
      place.textContent = leftOut ? this.words.leftOut.replace("{count}", leftOut) : "";
    }

    caption() {
      return `${this.root.querySelector(".sky-count").textContent} · ${this.words.drawnAt.replace("{when}", Sky.beijing(Math.floor(Date.parse(this.sheet.drawnAt) / 60000)))}`;
    }

    showMosaics() {
      this.mosaics ??= [];
      for (const layer of this.mosaics) layer.remove();
      this.mosaics = !this.on.mosaics || this.comparing ? [] : this.chosen().filter((one) => one.mosaic).map((one) => (one.overlay ??= Sky.overlay(one.mosaic, "sky-mosaics")).addTo(this.map));
    }

    // A base layer brings its own datum: the whole page is projected through it, and the same ground stays in the middle.
    setBase(number) {
      const layer = this.sheet.base[number], { map } = this, centre = map.getCenter(), zoom = map.getZoom();
      this.base?.remove();
      this.base = null;
      const crs = Sky.crsOf(layer ? layer.datum : "WGS-84");
      if (crs !== map.options.crs) { map.options.crs = crs; map._resetView(centre, zoom, true); }
      if (layer) {
        const options = { minNativeZoom: layer.least, maxNativeZoom: layer.most, maxZoom: 22, attribution: layer.attribution, className: "sky-tiles" };
        this.base = layer.url ? L.tileLayer(layer.url, { ...options, subdomains: layer.hosts, crossOrigin: "anonymous" }) : new InlineTiles(layer.tiles, options);
        this.base.addTo(map);
      }
      this.root.querySelector(".sky-attribution").textContent = layer ? layer.attribution : "";
      this.redraw();
    }

    async click(event) {
      const at = event.containerPoint, near = (item) => Math.hypot(item.x - at.x, item.y - at.y);
      const cluster = this.drawn.find((item) => item.n > 1 && near(item) <= item.r);
      if (cluster) {
        const bounds = this.source.bounds(cluster.marks, cluster);
        if (bounds.isValid() && this.map.getBoundsZoom(bounds) > this.map.getZoom()) { this.map.fitBounds(bounds, { padding: [40, 40], maxZoom: 19, animate: false }); return; }
        if (cluster.marks.length) { this.popup(event.latlng, await this.source.details(cluster.marks.slice(0, 200))); return; }
        this.map.setView(event.latlng, this.map.getZoom() + 2); return;
      }
      const found = this.drawn.filter((item) => item.n === 1 && near(item) <= 14).sort((a, b) => near(a) - near(b));
      if (found.length) { this.popup(event.latlng, await this.source.details(found.flatMap((item) => item.marks))); return; }
      const change = this.changeAt(event, at);
      if (change) this.changePopup(event.latlng, change); else this.clickGround(event);
    }

    changeAt(event, at) {
      if (!this.on.changes) return null;
      const crs = this.crs(), world = crs.latLngToPoint(event.latlng, 0), view = Sky.viewOf(this.map), all = this.chosen().flatMap((patrol) => patrol.changes);
      const near = (shape) => { const [x, y] = shape.world(crs).middle(); return Math.hypot(x * view.scale - view.x0 - at.x, y * view.scale - view.y0 - at.y); };
      return all.find((shape) => shape.world(crs).holds(world.x, world.y)) || all.filter((shape) => near(shape) <= 12).sort((a, b) => near(a) - near(b))[0];
    }

    changePopup(latlng, { about }) {
      const { words, sheet: { look } } = this, rows = [[words.size, `${about.m2.map((m2) => m2.toFixed(1)).join(" → ")} m²`]];
      if (about.height !== undefined) rows.push([words.height, `${about.height.toFixed(1)} m`]);
      if (about.site) rows.push([words.enterprise, about.site]);
      rows.push([words.before, Sky.beijing(about.at[0])], [words.after, Sky.beijing(about.at[1])], [words.position, `± ${about.error} m (90 %)`]);
      const cases = (about.cases || []).flatMap(([number, link]) => [make("a", { href: link, className: "sky-open-case" }, number), " "]);
      if (cases.length) rows.push([words.incidents, make("span", {}, ...cases)]);
      else if (about.incidents.length) rows.push([words.incidents, about.incidents.join(", ")]);
      const pictures = (about.pictures || []).map(([when, source]) => make("figure", {}, make("img", { alt: words[when], src: source }), make("figcaption", {}, words[when])));
      const card = make("div", { className: "sky-card" }, make("header", {}, make("b", {}, about.number), make("span", { className: "sky-tag" }, look.change[about.became].name)),
        ...(pictures.length ? [make("div", { className: "sky-pair" }, ...pictures)] : []), rowsOf(rows), make("footer", {}, words.changeIsALead));
      L.popup({ maxWidth: Math.min(340, this.map.getSize().x - 90) }).setLatLng(latlng).setContent(card).openOn(this.map);
    }

    clickGround(event) {
      const world = this.crs().latLngToPoint(event.latlng, 0), inside = (list, on) => (on ? list.filter((shape) => shape.world(this.crs()).holds(world.x, world.y)) : []);
      const { words } = this, card = make("div", { className: "sky-card" });
      for (const { about } of inside(this.closed, true)) card.append(make("h4", {}, about.name), make("p", {}, about.reason));
      for (const { about } of inside(this.zones, this.on.zones)) card.append(make("h4", {}, about.name), make("p", {}, about.kind));
      const lookedAt = (about) => {
        const looked = about.looked.filter(([number]) => number >= this.span[0] && number <= this.span[1]), last = looked[looked.length - 1];
        if (!this.patrols.length) return [];
        return [[words.lookedAt, last ? `${Sky.beijing(this.patrols[last[0]].start)} (${Math.round(last[1] * 100)} %)` : words.never], [words.looks, String(looked.length)]];
      };
      for (const { about } of inside(this.areas, this.on.areas)) card.append(make("h4", {}, about.name), rowsOf([[words.area, about.patrol], ...lookedAt(about)]));
      for (const { about } of inside(this.sites, this.on.sites)) {
        const rows = [[words.code, about.code], [words.openLeads, String(about.leads)]];
        if (about.grade) rows.push([words.gradeWord, about.grade]);
        card.append(make("h4", {}, about.name), rowsOf([...rows, ...lookedAt(about)]));
      }
      card.append(...this.coverageAt(world));
      if (card.childElementCount) L.popup({ maxWidth: 320 }).setLatLng(event.latlng).setContent(card).openOn(this.map);
    }

    // How the ground at a point was seen by the chosen patrols, best first.
    coverageAt({ x, y }) {
      const { words } = this, holds = (shape) => shape.world(this.crs()).holds(x, y), chosen = this.chosen();
      const best = (cover, finer) => chosen.flatMap((patrol) => patrol[cover].filter(holds)).map((shape) => shape.about.step).sort((a, b) => finer * (a - b))[0];
      const times = best("views", -1), cm = best("gsd", 1);
      if (times) return [make("h4", {}, words.coverage), make("p", {}, [this.stepWords(times, "views"), cm && this.stepWords(cm, "gsd")].filter(Boolean).join(", "))];
      return chosen.some((patrol) => holds(patrol.missed)) ? [make("h4", {}, words.coverage), make("p", {}, words.unseen)] : [];
    }

    popup(latlng, marks) {
      let at = 0;
      const card = make("div", { className: "sky-card" }), show = () => {
        const turn = (step) => make("button", { type: "button", on: { click: () => { at = (at + step + marks.length) % marks.length; show(); } } }, step < 0 ? "‹" : "›");
        card.replaceChildren(...(marks.length > 1 ? [make("div", { className: "sky-turn" }, turn(-1), `${at + 1} / ${marks.length}`, turn(1))] : []), ...this.markCard(marks[at]));
      };
      if (!marks.length) return;
      show();
      const size = this.map.getSize(); // beside the buttons for zooming, on a telephone too
      L.popup({ maxWidth: Math.min(340, size.x - 90), minWidth: Math.min(240, size.x - 90), maxHeight: Math.min(480, size.y - 60), autoPanPaddingTopLeft: [52, 8], autoPanPaddingBottomRight: [8, 8] }).setLatLng(latlng).setContent(card).openOn(this.map);
    }

    markCard(mark) {
      const { words, sheet: { look } } = this, rows = [];
      rows.push([words.enterprise, mark.site === null ? `${words.undecided}: ${mark.candidates}` : mark.siteName || words.outside]);
      if (mark.note) rows.push([words.whose, mark.note]);
      if (mark.site) rows.push([words.code, mark.site]);
      if (mark.zone) rows.push([words.zone, mark.zone]);
      rows.push([words.severity, look.severity[mark.severity].name], [words.value, look.value[mark.value].name]);
      rows.push([words.seenAt, mark.last === mark.first ? Sky.beijing(mark.first) : `${Sky.beijing(mark.first)} – ${Sky.beijing(mark.last)}`]);
      rows.push([words.position, `${mark.lat.toFixed(6)}, ${mark.lon.toFixed(6)} ± ${mark.error} m (90 %)`]);
      if (mark.history) rows.push([words.history, mark.history]);
      if (mark.basis) rows.push([words.basis, mark.basis]);
      if (mark.authority) rows.push([words.authority, mark.authority]);
      const parts = [make("header", {}, make("b", {}, mark.number), make("span", { className: "sky-tag" }, look.state[mark.state].name)), make("h4", {}, mark.hazard)];
      if (mark.picture) parts.push(make("img", { alt: words.camera, src: mark.picture }));
      if (mark.explanation) parts.push(make("img", { alt: words.whose, src: mark.explanation, className: "sky-why" }));
      if (mark.link) parts.push(make("p", {}, make("a", { href: mark.link, className: "sky-open-case" }, words.openCase)));
      parts.push(rowsOf(rows));
      parts.push(make("footer", {}, words.lead));
      return parts;
    }
  };

  // A patrol's coverage as shapes, and the ground that it looked at: the first of the steps of views.
  const coverageOf = (one) => {
    const stepped = (list) => list.map(([step, shape]) => new Sky.Shape(shape, { step })), views = stepped(one.views);
    return { views, gsd: stepped(one.gsd), seen: views[0] || new Sky.Shape([]), missed: new Sky.Shape(one.missed) };
  };

  const rowsOf = (rows) => {
    const list = make("dl");
    for (const [name, value] of rows) list.append(make("dt", {}, name), make("dd", {}, value));
    return list;
  };

  Sky.paintAircraft = (ink, view, page) => {
    const crs = page.crs();
    for (const one of page.aircraft.values()) {
      const at = crs.latLngToPoint(L.latLng(one.lat, one.lon), 0), x = at.x * view.scale - view.x0, y = at.y * view.scale - view.y0, stale = Date.now() - one.heard > 15000;
      ink.save(); ink.translate(x, y); ink.rotate((one.yaw || 0) * Math.PI / 180);
      ink.beginPath(); ink.moveTo(0, -14); ink.lineTo(9, 10); ink.lineTo(0, 5); ink.lineTo(-9, 10); ink.closePath();
      ink.fillStyle = stale ? "#7b8794" : "#0072B2"; ink.fill(); ink.lineWidth = 2; ink.strokeStyle = "#fff"; ink.stroke(); ink.restore();
      const words = [one.name, `${Math.round(one.height)} m`, one.battery === null ? "" : `${Math.round(one.battery * 100)} %`].filter(Boolean).join(" · ");
      ink.font = "600 12px system-ui,sans-serif"; ink.textAlign = "left"; ink.textBaseline = "middle";
      ink.lineWidth = 3; ink.strokeStyle = "#fff"; ink.strokeText(words, x + 14, y); ink.fillStyle = "#1f2933"; ink.fillText(words, x + 14, y);
    }
  };

  Sky.start = async (map) => {
    const sheet = JSON.parse(document.getElementById("sky-sheet").textContent), root = document.querySelector(".sky-sheet");
    const [west, south, east, north] = sheet.bounds, fit = () => {
      map.invalidateSize({ animate: false });
      map.fitBounds([[south, west], [north, east]], { padding: [30, 30], maxZoom: 18, animate: false });
    };
    map.setMinZoom(3); map.setMaxZoom(22);
    fit();
    if (sheet.groundFrom) Object.assign(sheet, { sites: [], zones: [], patrols: [] });
    Sky.page = new Sky.Page(map, sheet, root);
    fit(); // the panel has its size only now
    new ResizeObserver(() => map.invalidateSize({ animate: false, pan: false })).observe(map.getContainer());
    Sky.live?.(Sky.page);
    if (sheet.groundFrom) await Sky.page.turn(0); // the incidents do not wait for it
    return Sky.page;
  };
})(window.Sky = window.Sky || {});
