// The panel beside the map: filters that are the legend too, layers, base layers, comparison of two patrols.
"use strict";
((Sky) => {
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "on") for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
      else if (name in element && name !== "list") element[name] = value; else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  };
  Sky.make = make;

  const swatch = (paint) => {
    const canvas = make("canvas", { width: 66, height: 54, className: "sky-swatch" }), ink = canvas.getContext("2d");
    ink.scale(3, 3);
    paint(ink);
    return canvas;
  };

  function line(words, paint, extra = {}) {
    return make("div", { className: "sky-line", "data-legend": "line", ...extra }, swatch(paint), make("span", { className: "sky-words" }, words));
  }

  const head = (words) => make("h3", { "data-legend": "head" }, words);

  // One group of ticks; a tick taken away hides what it names.
  function group(page, by, name, entries, symbol) {
    const totals = page.source.totals()[by] || {}, keys = entries.map(([key]) => key).filter((key) => totals[key]);
    const all = (words, wanted) => make("button", { type: "button", className: "sky-all", on: { click: () => { page.wanted[by] = new Set(wanted ? [] : keys); Sky.fillFilters(page); page.apply(); } } }, words);
    const box = make("fieldset", {}, make("legend", { "data-legend": "head" }, make("span", { className: "sky-words" }, name), all(page.words.all, true), all(page.words.nothing, false)));
    for (const [key, entry] of entries) {
      if (!totals[key]) continue;
      const tick = make("input", { type: "checkbox", checked: !page.wanted[by].has(key), name: `${by}-${key}` });
      tick.addEventListener("change", () => { page.wanted[by][tick.checked ? "delete" : "add"](key); page.apply(); });
      box.append(make("label", { className: "sky-line", "data-legend": "line" }, tick, swatch((ink) => symbol(ink, key, entry)),
        make("span", { className: "sky-words" }, `${entry.name} (${totals[key].toLocaleString()})`)));
    }
    return box;
  }

  Sky.fillFilters = (page) => {
    const { look, words } = page.sheet, place = page.root.querySelector(".sky-filters");
    const filled = (key, entry, by) => (by === page.by ? entry.colour : "#d4dae0");
    const dot = (by) => (ink, key, entry) => Sky.mark(ink, look, { state: "lead", severity: 2, decided: true }, filled(key, entry, by), 11, 9);
    place.replaceChildren(
      group(page, "severity", words.severity, Object.entries(look.severity), (ink, key, entry) =>
        Sky.mark(ink, look, { state: "lead", severity: Number(key), decided: true }, filled(key, entry, "severity"), 11, 9)),
      group(page, "hazard", words.hazard, Object.entries(look.hazard), dot("hazard")),
      group(page, "state", words.state, Object.entries(look.state), (ink, key, entry) =>
        Sky.mark(ink, look, { state: key, severity: 2, decided: true }, filled(key, entry, "state"), 11, 9)),
      group(page, "value", words.value, Object.entries(look.value), dot("value")),
    );
    const only = page.root.querySelector(".sky-by");
    only.value = page.by;
    Sky.fillLegend(page);
  };

  // The rest of the legend: ages, sites, coverage, heat.
  Sky.fillLegend = (page) => {
    const { look, words } = page.sheet, place = page.root.querySelector(".sky-rest"), lines = [];
    if (page.by === "age") {
      lines.push(head(words.age));
      let from = 0;
      for (const { days, colour } of look.age) {
        const text = days > 9999 ? words.olderThan.replace("{days}", from) : words.upTo.replace("{days}", days);
        lines.push(line(text, (ink) => Sky.mark(ink, look, { state: "lead", severity: 2, decided: true }, colour, 11, 9)));
        from = days;
      }
    }
    lines.push(line(words.undecided, (ink) => Sky.mark(ink, look, { state: "lead", severity: 2, decided: false }, "#1f2933", 11, 9)));
    lines.push(line(words.cluster, (ink) => { ink.scale(0.6, 0.6); Sky.cluster(ink, { x: 18, y: 15, n: 3, kinds: { a: 2, b: 1 } }, (k) => (k === "a" ? "#932667" : "#f9c932")); }));
    if (page.sites.length) {
      lines.push(head(words.sites));
      look.leads.forEach(({ least, colour }, i) => {
        const next = look.leads[i + 1], range = next ? (next.least - 1 > least ? `${least}–${next.least - 1}` : `${least}`) : `${least}+`;
        lines.push(line(`${range} ${words.openLeads}`, (ink) => { ink.fillStyle = colour; ink.globalAlpha = 0.55; ink.fillRect(2, 3, 18, 12); ink.globalAlpha = 1; ink.strokeRect(2, 3, 18, 12); }));
      });
      for (const [name, style] of Object.entries(look.grade)) {
        if (!page.sites.some((one) => (one.about.grade in look.grade ? one.about.grade : "") === name)) continue;
        lines.push(line(name ? words.grade.replace("{grade}", name) : words.noGrade, (ink) => {
          ink.setLineDash(style.dashArray ? style.dashArray.split(" ").map(Number) : []); ink.lineWidth = style.weight; ink.strokeStyle = style.color; ink.strokeRect(3, 3, 16, 12);
        }));
      }
    }
    if (page.patrols.length || page.wantedGround.length) {
      lines.push(head(words.coverage));
      for (const { step, colour } of page.steps()) {
        if (!page.patrols.some((patrol) => patrol[page.cover].some((shape) => shape.about.step === step))) continue;
        lines.push(line(page.stepWords(step, page.cover), (ink) => { ink.fillStyle = colour; ink.globalAlpha = 0.4; ink.fillRect(2, 3, 18, 12); ink.globalAlpha = 1; ink.strokeStyle = "#00664a"; ink.strokeRect(2, 3, 18, 12); }));
      }
      lines.push(line(words.unseen, (ink) => { ink.beginPath(); ink.rect(2, 3, 18, 12); ink.clip(); ink.strokeStyle = "#961414"; for (let x = -12; x < 22; x += 6) { ink.moveTo(x, 17); ink.lineTo(x + 16, 1); } ink.stroke(); }));
      if (page.patrols.some((patrol) => patrol.footprints.some((shape) => shape.about.thermal))) {
        lines.push(line(words.thermal, (ink) => { ink.beginPath(); ink.rect(3, 3, 16, 12); Sky.strokeFootprint(ink, true); }));
      }
      lines.push(line(words.way, (ink) => { ink.strokeStyle = "#0072B2"; ink.lineWidth = 2; ink.beginPath(); ink.moveTo(2, 14); ink.lineTo(10, 5); ink.lineTo(20, 10); ink.stroke(); }));
    }
    if (page.areas.length) lines.push(line(words.area, (ink) => { ink.setLineDash([10, 4]); ink.lineWidth = 2; ink.strokeStyle = "#3c3c3c"; ink.strokeRect(3, 3, 16, 12); }));
    const became = new Set(page.patrols.flatMap((patrol) => patrol.changes.map((shape) => shape.about.became)));
    if (became.size) {
      lines.push(head(words.changes));
      for (const [kind, change] of Object.entries(look.change)) if (became.has(kind)) lines.push(line(change.name, (ink) => Sky.changeSign(ink, change, 11, 9)));
    }
    if (page.zones.length) {
      lines.push(head(words.zones));
      const kinds = new Map(page.zones.map((one) => [one.about.kind, one.about.look]));
      for (const [kind, style] of kinds) lines.push(line(kind, (ink) => { ink.setLineDash(style.dashArray ? style.dashArray.split(" ").map(Number) : []); ink.lineWidth = 2; ink.strokeStyle = style.color; ink.strokeRect(3, 3, 16, 12); }));
    }
    if (page.closed.length) lines.push(line(words.closed, (ink) => { ink.fillStyle = "rgba(17,17,17,.25)"; ink.fillRect(3, 3, 16, 12); ink.setLineDash([5, 2, 1, 2]); ink.strokeRect(3, 3, 16, 12); }));
    if (page.heat) {
      lines.push(head(words.heat));
      page.heat.forEach((least, i) => lines.push(line(`≥ ${least.toLocaleString()} ${words.perKm2}`, (ink) => { ink.fillStyle = look.heat[i]; ink.globalAlpha = 0.7; ink.fillRect(2, 3, 18, 12); })));
    }
    place.replaceChildren(...lines);
  };

  Sky.wirePanel = (page) => {
    const { root, words } = page, find = (selector) => root.querySelector(selector);
    find(".sky-by").addEventListener("change", (event) => { page.by = event.target.value; Sky.fillFilters(page); page.refresh(); });
    find(".sky-cover").addEventListener("change", (event) => { page.cover = event.target.value; Sky.fillLegend(page); page.redraw(); });
    find(".sky-age").addEventListener("change", (event) => { page.wanted.age = Number(event.target.value); page.apply(); });
    let typing = 0;
    find(".sky-find").addEventListener("input", (event) => { clearTimeout(typing); typing = setTimeout(() => { page.wanted.site = event.target.value; page.apply(); }, 250); });
    for (const tick of root.querySelectorAll(".sky-layers input")) {
      tick.checked = page.on[tick.name];
      tick.addEventListener("change", () => { page.on[tick.name] = tick.checked; if (tick.name === "heat") page.ask(); else page.redraw(); });
    }
    if (!page.there.seen) find(".sky-cover").closest("label").remove();
    for (const [name, there] of Object.entries(page.there)) if (!there) find(`.sky-layers [name="${name}"]`)?.closest("label").remove();
    find(".sky-print").addEventListener("click", () => window.print());
    find(".sky-png").addEventListener("click", () => Sky.savePicture(page));
    const toggle = find(".sky-toggle");
    toggle.addEventListener("click", () => {
      const open = root.classList.toggle("sky-open");
      toggle.setAttribute("aria-expanded", String(open));
    });
    wireBase(page, find(".sky-base"), words);
    wireTime(page);
    wireSwipe(page);
  };

  function wireBase(page, choice, words) {
    const layers = page.sheet.base;
    if (!layers.length) { choice.closest("label").remove(); return; }
    choice.append(make("option", { value: "-1" }, words.none), ...layers.map((layer, i) => make("option", { value: String(i) }, `${layer.name} (${layer.datum})`)));
    choice.addEventListener("change", () => page.setBase(Number(choice.value)));
    choice.value = "0";
    page.setBase(0);
  }

  const day = (minute) => new Date(minute * 60000).toLocaleString("sv-SE", { timeZone: "Asia/Shanghai", dateStyle: "short", timeStyle: "short" });
  Sky.beijing = day;

  // Two ends of a span of patrols; the whole span of the newest asks for nothing, so marks without a patrol stay. The
  // station gives patrols page by page, newest first.
  function wireTime(page) {
    const bar = page.root.querySelector(".sky-time"), { sheet } = page, { words: said } = page;
    const [first, last] = bar.querySelectorAll("input[type=range]"), words = bar.querySelector("output"), play = bar.querySelector(".sky-play");
    const turns = [["‹", said.earlier, 1], ["›", said.later, -1]].map(([sign, name, step]) => {
      const button = make("button", { type: "button", className: "sky-page", title: name, on: { click: () => page.turn((sheet.page || 0) + step) } }, sign);
      button.setAttribute("aria-label", name);
      return button;
    });
    first.before(turns[0]); last.after(turns[1]);
    const settle = () => {
      const { patrols } = page;
      const [a, b] = [Number(first.value), Number(last.value)].sort((x, y) => x - y), whole = a === 0 && b === patrols.length - 1;
      page.span = patrols.length ? [a, b] : [0, -1];
      page.wanted.window = !patrols.length || (whole && !sheet.page) ? null : [patrols[a].start, patrols[b].end];
      const km2 = patrols.slice(a, b + 1).reduce((sum, one) => sum + one.km2, 0);
      const from = (sheet.page || 0) * (sheet.perPage || 0) + 1;
      const paged = sheet.pages > 1 ? `${said.ofPatrols.replace("{from}", from).replace("{to}", from + patrols.length - 1).replace("{count}", sheet.patrolsInAll)} · ` : "";
      words.textContent = !patrols.length ? paged : paged + (whole && !sheet.page ? said.allPatrols.replace("{count}", patrols.length)
        : `${a === b ? patrols[a].name : `${b - a + 1} ${said.patrols}`} · ${day(patrols[a].start)} – ${day(patrols[b].end)} · ${km2.toFixed(2)} km²`);
      page.apply();
    };
    page.retime = () => {
      const most = Math.max(0, page.patrols.length - 1);
      bar.hidden = page.patrols.length < 2 && !(sheet.pages > 1);
      for (const input of [first, last]) { input.max = String(most); input.value = "0"; input.disabled = !most; }
      last.value = String(most);
      turns[0].hidden = turns[1].hidden = !(sheet.pages > 1);
      turns[0].disabled = (sheet.page || 0) >= (sheet.pages || 1) - 1;
      turns[1].disabled = !sheet.page;
      settle();
    };
    first.addEventListener("input", settle); last.addEventListener("input", settle);
    let timer = 0;
    play.addEventListener("click", () => {
      if (timer) { clearInterval(timer); timer = 0; play.textContent = "▶"; return; }
      let at = 0;
      play.textContent = "❚❚";
      const step = () => {
        if (at >= page.patrols.length) { clearInterval(timer); timer = 0; play.textContent = "▶"; first.value = "0"; last.value = last.max; settle(); return; }
        first.value = last.value = String(at); at += 1; settle();
      };
      timer = setInterval(step, 1500); step();
    });
    page.retime();
  }

  function wireSwipe(page) {
    const box = page.root.querySelector(".sky-compare");
    let pictured = [];
    const [before, after] = box.querySelectorAll("select"), handle = page.root.querySelector(".sky-swipe"), tick = box.querySelector("input");
    page.repair = () => { // which pairs there are
      tick.checked = false;
      settle();
      pictured = page.patrols.filter((one) => one.mosaic);
      box.hidden = pictured.length < 2;
      for (const choice of [before, after]) choice.replaceChildren(...pictured.map((one, i) => make("option", { value: String(i) }, `${one.name} · ${day(one.start)}`)));
      after.value = String(pictured.length - 1);
    };
    const panes = ["sky-before", "sky-after"].map((name, i) => {
      const pane = page.map.createPane(name); pane.style.zIndex = String(301 + i); return pane;
    });
    let shown = [];
    const clip = () => {
      const size = page.map.getSize(), at = size.x * Number(handle.value) / 1000, corner = page.map.containerPointToLayerPoint([0, 0]);
      const cut = (pane, left, right) => {
        pane.style.clip = `rect(${corner.y}px,${corner.x + right}px,${corner.y + size.y}px,${corner.x + left}px)`;
        pane.skyClip = [left, 0, right - left, size.y];
      };
      cut(panes[0], 0, at); cut(panes[1], at, size.x);
      page.root.querySelector(".sky-divider").style.left = `${at}px`;
    };
    const settle = () => {
      for (const layer of shown) layer.remove();
      shown = [];
      page.comparing = tick.checked;
      page.root.classList.toggle("sky-comparing", tick.checked);
      if (tick.checked) {
        shown = [before, after].map((choice, i) => Sky.overlay(pictured[Number(choice.value)].mosaic, ["sky-before", "sky-after"][i]).addTo(page.map));
        clip();
      }
      page.showMosaics();
    };
    for (const element of [before, after, tick]) element.addEventListener("change", settle);
    handle.addEventListener("input", clip);
    page.map.on("move zoomend resize viewreset", () => { if (tick.checked) clip(); });
    page.repair();
  }

  Sky.overlay = (mosaic, pane) => {
    const [west, south, east, north] = mosaic.bounds;
    return L.imageOverlay(mosaic.image, [[south, west], [north, east]], { pane, className: "sky-mosaic" });
  };
})(window.Sky = window.Sky || {});
