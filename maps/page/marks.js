// Where the marks come from: columns in the page (an offline file), or the station's answers for what is in view.
"use strict";
((Sky) => {
  const MINUTE = 60000, DAY = 1440;
  Sky.CELL = 64; // clusters gather marks within so many pixels
  Sky.NO_CLUSTERS_FROM = 18;

  // Filter: {hazard, state, severity, value: Set of what is not wanted; age: days or 0; window: [from, to] minutes or null; site: text}
  Sky.LocalMarks = class {
    constructor(columns, drawnAt) {
      this.c = columns;
      this.now = Math.floor(Date.parse(drawnAt) / MINUTE);
      this.count = columns.x.length;
      this.shown = [];
      this.world = null;
      const names = columns.texts;
      this.sites = columns.site.map((place, i) => (place < 0 ? names[columns.candidates[i]] : `${names[place]} ${names[columns.site_name[i]]}`).toLowerCase());
    }
    categories(by) {
      const of = { hazard: this.c.hazard, state: this.c.state, value: this.c.value }[by];
      if (of) return (i) => this.c.texts[of[i]];
      if (by === "severity") return (i) => String(this.c.severity[i]);
      return (i) => this.now - this.c.first[i];
    }
    totals() {
      const totals = { hazard: {}, state: {}, severity: {}, value: {} };
      for (const by of Object.keys(totals)) {
        const of = this.categories(by);
        for (let i = 0; i < this.count; i += 1) { const key = of(i); totals[by][key] = (totals[by][key] || 0) + 1; }
      }
      return totals;
    }
    filter(wanted) {
      const c = this.c, hazard = this.categories("hazard"), state = this.categories("state"), value = this.categories("value");
      const text = wanted.site.trim().toLowerCase(), oldest = wanted.age ? this.now - wanted.age * DAY : -Infinity;
      const [from, to] = wanted.window || [-Infinity, Infinity];
      this.shown = [];
      for (let i = 0; i < this.count; i += 1) {
        if (c.first[i] < oldest || c.last[i] < from || c.first[i] > to) continue;
        if (wanted.hazard.has(hazard(i)) || wanted.state.has(state(i)) || wanted.value.has(value(i))) continue;
        if (wanted.severity.has(String(c.severity[i]))) continue;
        if (text && !this.sites[i].includes(text) && !c.number[i].toLowerCase().includes(text)) continue;
        this.shown.push(i);
      }
      return Promise.resolve(this.shown.length);
    }
    refresh() { return Promise.resolve(); }
    inWorld(crs) {
      if (!this.world || this.world.crs !== crs) this.world = Sky.worldOf(crs, this.c.x, this.c.y);
      return this.world;
    }
    // Marks and clusters of a view: [{x, y, n, kinds: {category: n}, mark | marks}], pixels of the container.
    items(crs, view, by) {
      const { wx, wy } = this.inWorld(crs), of = this.categories(by), cells = new Map(), s = view.scale;
      const gather = view.zoom < Sky.NO_CLUSTERS_FROM;
      const items = [];
      for (const i of this.shown) {
        const x = wx[i] * s - view.x0, y = wy[i] * s - view.y0;
        if (x < -80 || y < -80 || x > view.width + 80 || y > view.height + 80) continue;
        if (!gather) { items.push(this.item(i, x, y, of)); continue; }
        const key = `${Math.floor(wx[i] * s / Sky.CELL)},${Math.floor(wy[i] * s / Sky.CELL)}`;
        const cell = cells.get(key);
        if (cell) { cell.marks.push(i); cell.x += x; cell.y += y; } else cells.set(key, { marks: [i], x, y });
      }
      for (const { marks, x, y } of cells.values()) {
        if (marks.length < 3) { for (const i of marks) items.push(this.item(i, wx[i] * s - view.x0, wy[i] * s - view.y0, of)); continue; }
        const kinds = {};
        for (const i of marks) { const key = of(i); kinds[key] = (kinds[key] || 0) + 1; }
        items.push({ x: x / marks.length, y: y / marks.length, n: marks.length, kinds, marks });
      }
      return items;
    }
    item(i, x, y, of) {
      const c = this.c;
      return { x, y, n: 1, kind: of(i), severity: c.severity[i], state: c.texts[c.state[i]], decided: c.site[i] >= 0, marks: [i] };
    }
    positions(crs) {
      const { wx, wy } = this.inWorld(crs);
      return this.shown.map((i) => [wx[i], wy[i], 1]);
    }
    bounds(marks) { return L.latLngBounds(marks.map((i) => [this.c.y[i] / 1e7, this.c.x[i] / 1e7])); }
    at(i) {
      const c = this.c, text = (name) => c.texts[c[name][i]], [thumbnail, explanation] = c.pictures[i] || ["", ""];
      return {
        number: c.number[i], hazard: `${text("hazard")} ${text("hazard_name")}`, state: text("state"), value: text("value"),
        severity: c.severity[i], site: c.site[i] < 0 ? null : c.texts[c.site[i]], siteName: text("site_name"),
        candidates: text("candidates"), note: text("note"), zone: text("zone"), basis: text("basis"), authority: text("authority"),
        history: text("history"), error: c.error[i], first: c.first[i], last: c.last[i], lon: c.x[i] / 1e7, lat: c.y[i] / 1e7,
        link: c.link ? c.link[i] : "", picture: thumbnail && `data:image/jpeg;base64,${thumbnail}`,
        explanation: explanation && `data:image/svg+xml;base64,${explanation}`,
      };
    }
    details(marks) { return Promise.resolve(marks.map((i) => this.at(i))); }
  };

  // The station's marks: it gathers, the page asks for what it shows. Answers: {total, items: [[x, y, n, kinds, mark?]]}.
  Sky.RemoteMarks = class {
    constructor(address, totals) { this.address = address; this.given = totals; this.answer = { items: [], total: 0 }; this.query = ""; this.asked = 0; }
    totals() { return this.given; }
    filter(wanted) {
      const query = new URLSearchParams();
      for (const by of ["hazard", "state", "severity", "value"]) if (wanted[by].size) query.set(`not_${by}`, [...wanted[by]].join(","));
      if (wanted.age) query.set("age", wanted.age);
      if (wanted.window) { query.set("from", wanted.window[0]); query.set("to", wanted.window[1]); }
      if (wanted.site.trim()) query.set("q", wanted.site.trim());
      this.query = query.toString();
      return this.refresh(this.map, this.by, this.fine);
    }
    // Asks for the view and a quarter more on every side; an answer that a newer question overtook is dropped.
    async refresh(map, by, fine) {
      this.map = map; this.by = by; this.fine = fine;
      if (!map) return this.answer.total;
      const area = map.getBounds().pad(0.25), asked = this.asked += 1;
      const box = [area.getWest(), area.getSouth(), area.getEast(), area.getNorth()].map((d) => d.toFixed(6)).join(",");
      const response = await fetch(`${this.address}?bbox=${box}&zoom=${map.getZoom()}&by=${by}${fine ? "&fine=1" : ""}&${this.query}`, { credentials: "same-origin" });
      if (!response.ok) throw new Error(`${response.status}`);
      const answer = await response.json();
      if (asked === this.asked) {
        this.answer = answer;
        this.changed = this.changed || JSON.stringify(answer.totals) !== JSON.stringify(this.given);
        this.given = answer.totals;
        this.xs = answer.items.map((one) => one.x); this.ys = answer.items.map((one) => one.y); this.world = null;
      }
      return this.answer.total;
    }
    inWorld(crs) {
      if (!this.world || this.world.crs !== crs) this.world = Sky.worldOf(crs, this.xs || [], this.ys || []);
      return this.world;
    }
    items(crs, view) {
      const { wx, wy } = this.inWorld(crs);
      return this.answer.items.map((one, i) => ({ ...one, x: wx[i] * view.scale - view.x0, y: wy[i] * view.scale - view.y0, marks: one.ids || [], place: i }));
    }
    positions(crs) {
      const cells = this.answer.heat || [], { wx, wy } = Sky.worldOf(crs, cells.map((one) => one[0]), cells.map((one) => one[1]));
      return cells.map((one, i) => [wx[i], wy[i], one[2]]);
    }
    bounds(_marks, item) {
      const box = item && item.box;
      return box ? L.latLngBounds([box[1] / 1e7, box[0] / 1e7], [box[3] / 1e7, box[2] / 1e7]) : L.latLngBounds([]);
    }
    async details(marks) {
      const response = await fetch(`${this.address}?ids=${marks.join(",")}`, { credentials: "same-origin" });
      return response.ok ? (await response.json()).marks : [];
    }
  };
})(window.Sky = window.Sky || {});
