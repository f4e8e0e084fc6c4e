// What is drawn: marks and clusters, sites and zones, ways and footprints, what was not looked at, the heat map.
"use strict";
((Sky) => {
  const INK = "#1f2933", RADIUS = [0, 5.5, 7, 8.5, 10.5];

  Sky.symbol = (ink, shape, x, y, r) => {
    ink.beginPath();
    if (shape === "diamond") { ink.moveTo(x, y - r * 1.25); ink.lineTo(x + r * 1.25, y); ink.lineTo(x, y + r * 1.25); ink.lineTo(x - r * 1.25, y); ink.closePath(); }
    else if (shape === "square") ink.rect(x - r * 0.95, y - r * 0.95, r * 1.9, r * 1.9);
    else if (shape === "triangle") { ink.moveTo(x, y - r * 1.2); ink.lineTo(x + r * 1.15, y + r * 0.9); ink.lineTo(x - r * 1.15, y + r * 0.9); ink.closePath(); }
    else if (shape === "cross") {
      const a = r * 0.4, b = r;
      for (const [u, v] of [[-b, -a], [-a, -a], [-a, -b], [a, -b], [a, -a], [b, -a], [b, a], [a, a], [a, b], [-a, b], [-a, a], [-b, a]]) ink.lineTo(x + (u + v) * 0.7071, y + (v - u) * 0.7071);
      ink.closePath();
    } else ink.arc(x, y, r, 0, 7);
  };

  const dash = (ink, pattern) => ink.setLineDash(pattern ? pattern.split(" ").map(Number) : []);

  Sky.mark = (ink, look, item, colour, x = item.x, y = item.y) => {
    const r = RADIUS[item.severity] || 6;
    Sky.symbol(ink, look.state[item.state].shape, x, y, r);
    ink.fillStyle = item.decided ? colour : "rgba(255,255,255,.8)";
    ink.fill();
    dash(ink, item.decided ? "" : "3 2");
    ink.lineWidth = 3.5; ink.strokeStyle = "#fff"; ink.stroke();
    ink.lineWidth = item.decided ? 1.5 : 2.5; ink.strokeStyle = item.decided ? INK : colour; ink.stroke();
    dash(ink, "");
  };

  // A cluster: a disc with its count, and around it a ring of what its marks are.
  Sky.cluster = (ink, item, colourOf) => {
    const r = Math.min(30, 12 + 4 * Math.log10(item.n) + item.n ** 0.25);
    ink.beginPath(); ink.arc(item.x, item.y, r, 0, 7); ink.fillStyle = "rgba(255,255,255,.93)"; ink.fill();
    let turn = -Math.PI / 2;
    for (const [kind, n] of Object.entries(item.kinds).sort((a, b) => b[1] - a[1])) {
      const end = turn + 2 * Math.PI * n / item.n;
      ink.beginPath(); ink.arc(item.x, item.y, r - 2.5, turn, end); ink.lineWidth = 5; ink.strokeStyle = colourOf(kind); ink.stroke();
      turn = end;
    }
    ink.beginPath(); ink.arc(item.x, item.y, r, 0, 7); ink.lineWidth = 1; ink.strokeStyle = INK; ink.stroke();
    ink.fillStyle = INK; ink.font = "600 12px system-ui,sans-serif"; ink.textAlign = "center"; ink.textBaseline = "middle";
    ink.fillText(item.n >= 10000 ? `${Math.round(item.n / 1000)}k` : item.n, item.x, item.y + 0.5);
    return r;
  };

  Sky.leadsColour = (classes, leads) => { let found = ""; for (const one of classes) if (leads >= one.least) found = one.colour; return found; };

  Sky.paintGround = (ink, view, page) => {
    const { look } = page.sheet;
    for (const shape of page.on.areas ? page.areas : []) if (shape.world(page.crs()).shows(view)) { shape.trace(ink, view); ink.lineWidth = 2; ink.strokeStyle = "#3c3c3c"; dash(ink, "10 4"); ink.stroke(); }
    if (page.on.sites) {
      for (const shape of page.sites) {
        if (!shape.world(page.crs()).shows(view)) continue;
        const site = shape.about, colour = Sky.leadsColour(look.leads, site.leads), grade = look.grade[site.grade] || look.grade[""];
        shape.trace(ink, view);
        if (colour) { ink.globalAlpha = 0.55; ink.fillStyle = colour; ink.fill("evenodd"); ink.globalAlpha = 1; }
        dash(ink, view.zoom < 14 ? "" : grade.dashArray); ink.lineWidth = grade.weight * (view.zoom < 14 ? 0.5 : 1); ink.strokeStyle = grade.color; ink.stroke();
      }
    }
    if (page.on.zones) {
      for (const shape of page.zones) {
        if (!shape.world(page.crs()).shows(view)) continue;
        shape.trace(ink, view);
        ink.globalAlpha = 0.08; ink.fillStyle = shape.about.look.color; ink.fill("evenodd"); ink.globalAlpha = 1;
        dash(ink, shape.about.look.dashArray); ink.lineWidth = 2; ink.strokeStyle = shape.about.look.color; ink.stroke();
      }
    }
    for (const shape of page.closed) {
      if (!shape.world(page.crs()).shows(view)) continue;
      shape.trace(ink, view);
      ink.globalAlpha = 0.22; ink.fillStyle = "#111"; ink.fill("evenodd"); ink.globalAlpha = 1;
      dash(ink, "10 4 2 4"); ink.lineWidth = 2; ink.strokeStyle = "#111"; ink.stroke();
    }
    dash(ink, "");
    if (page.on.sites && view.zoom >= 14.5) paintLetters(ink, view, page);
  };

  function paintLetters(ink, view, page) {
    ink.font = "600 11px system-ui,sans-serif"; ink.textAlign = "center"; ink.textBaseline = "middle";
    for (const shape of page.sites) {
      const site = shape.about;
      if (!shape.shows(view) || (!site.grade && !site.leads)) continue;
      const [wx, wy] = shape.middle(), words = [site.grade, site.leads ? `${site.leads}!` : ""].filter(Boolean).join(" · ");
      const x = wx * view.scale - view.x0, y = wy * view.scale - view.y0, wide = ink.measureText(words).width + 10;
      ink.fillStyle = "rgba(255,255,255,.85)"; ink.fillRect(x - wide / 2, y - 9, wide, 18);
      ink.fillStyle = INK; ink.fillText(words, x, y + 0.5);
    }
  }

  let hatch = null;
  function hatched(ink) {
    if (!hatch) {
      const tile = document.createElement("canvas");
      tile.width = tile.height = 10;
      const t = tile.getContext("2d");
      t.strokeStyle = "rgba(150,20,20,.75)"; t.lineWidth = 1.6;
      t.beginPath(); t.moveTo(-2, 12); t.lineTo(12, -2); t.moveTo(-2, 2); t.lineTo(2, -2); t.moveTo(8, 12); t.lineTo(12, 8); t.stroke();
      hatch = tile;
    }
    return ink.createPattern(hatch, "repeat");
  }

  // Not looked at: the ground that was to be looked at, less what the chosen patrols saw.
  Sky.paintUnseen = (ink, view, page) => {
    if (!page.on.unseen) return;
    ink.fillStyle = "#000"; // a mask first: where two of them overlap, the hatching is the same
    const crs = page.crs(), chosen = page.chosen(), fill = (shape) => { if (shape.world(crs).shows(view)) { shape.trace(ink, view); ink.fill("evenodd"); } };
    for (const shape of [...page.wantedGround, ...chosen.map((patrol) => patrol.missed)]) fill(shape);
    ink.globalCompositeOperation = "destination-out";
    for (const patrol of chosen) fill(patrol.seen);
    ink.globalCompositeOperation = "source-in"; ink.fillStyle = hatched(ink); ink.fillRect(0, 0, view.width, view.height);
    ink.globalCompositeOperation = "source-over";
  };

  // Looked at: how often, or how finely. Where patrols overlap, the one that saw most, or finest, is shown.
  Sky.paintCoverage = (ink, view, page) => {
    if (!page.on.seen) return;
    const crs = page.crs(), chosen = page.chosen();
    for (const { step, colour } of page.steps()) {
      ink.fillStyle = colour;
      for (const patrol of chosen) for (const shape of patrol[page.cover]) if (shape.about.step === step && shape.world(crs).shows(view)) { shape.trace(ink, view); ink.fill("evenodd"); }
    }
    ink.globalCompositeOperation = "destination-in"; ink.fillStyle = "rgba(0,0,0,.4)"; ink.fillRect(0, 0, view.width, view.height);
    ink.globalCompositeOperation = "source-over"; ink.lineWidth = 1.2; ink.strokeStyle = "#00664a";
    for (const patrol of chosen) if (patrol.seen.world(crs).shows(view)) { patrol.seen.trace(ink, view); ink.stroke(); }
  };

  // A thermal frame is searched for hot spots only: its ground is not ground looked at.
  Sky.strokeFootprint = (ink, thermal) => {
    dash(ink, thermal ? "4 3" : ""); ink.lineWidth = thermal ? 1.5 : 0.8; ink.strokeStyle = thermal ? "#D55E00" : "rgba(60,70,80,.7)"; ink.stroke(); dash(ink, "");
  };

  Sky.paintTraces = (ink, view, page) => {
    for (const patrol of page.chosen()) {
      if (page.on.footprints) {
        for (const shape of patrol.footprints) if (shape.world(page.crs()).shows(view)) { shape.trace(ink, view); Sky.strokeFootprint(ink, shape.about.thermal); }
      }
      if (page.on.ways) {
        patrol.ways.world(page.crs());
        patrol.ways.trace(ink, view, false);
        ink.lineJoin = "round"; ink.lineWidth = 4; ink.strokeStyle = "rgba(255,255,255,.8)"; ink.stroke();
        ink.lineWidth = 2; ink.strokeStyle = "#0072B2"; ink.stroke();
      }
    }
    if (page.on.others && page.others) {
      const { wx, wy } = page.othersWorld();
      ink.fillStyle = "#7b8794"; ink.strokeStyle = "#fff"; ink.lineWidth = 1;
      for (let i = 0; i < wx.length; i += 1) { ink.beginPath(); ink.arc(wx[i] * view.scale - view.x0, wy[i] * view.scale - view.y0, 3.5, 0, 7); ink.fill(); ink.stroke(); }
    }
  };

  // Ground that changed: its outline, and a sign in its middle that says what became of it.
  Sky.changeSign = (ink, { colour, sign }, x, y) => {
    ink.beginPath(); ink.rect(x - 8, y - 8, 16, 16); ink.fillStyle = "rgba(255,255,255,.9)"; ink.fill();
    ink.lineWidth = 1.5; ink.strokeStyle = colour; ink.stroke();
    ink.fillStyle = colour; ink.font = "700 12px system-ui,sans-serif"; ink.textAlign = "center"; ink.textBaseline = "middle"; ink.fillText(sign, x, y + 0.5);
  };

  Sky.paintChanges = (ink, view, page) => {
    if (!page.on.changes) return;
    for (const patrol of page.chosen()) {
      for (const shape of patrol.changes) {
        if (!shape.world(page.crs()).shows(view)) continue;
        const look = page.sheet.look.change[shape.about.became], [x, y] = shape.middle();
        shape.trace(ink, view);
        ink.lineWidth = 4; ink.strokeStyle = "#fff"; ink.stroke(); ink.lineWidth = 2; ink.strokeStyle = look.colour; ink.stroke();
        Sky.changeSign(ink, look, x * view.scale - view.x0, y * view.scale - view.y0);
      }
    }
  };

  Sky.paintMarks = (ink, view, page) => {
    page.drawn = page.on.marks ? page.source.items(page.crs(), view, page.by) : [];
    const late = page.drawn.filter((item) => item.n === 1).sort((a, b) => a.severity - b.severity);
    if (page.on.ellipses && view.zoom >= 16) paintErrors(ink, view, page, late);
    for (const item of late) Sky.mark(ink, page.sheet.look, item, page.colourOf(item.kind));
    for (const item of page.drawn) if (item.n > 1) item.r = Sky.cluster(ink, item, page.colourOf);
  };

  function paintErrors(ink, view, page, items) {
    ink.lineWidth = 1; ink.strokeStyle = INK; ink.fillStyle = "rgba(255,255,255,.25)";
    for (const item of items) {
      const error = page.source.c ? page.source.c.error[item.marks[0]] : item.error;
      if (!error) continue;
      ink.beginPath(); ink.arc(item.x, item.y, error / view.metresPerPixel, 0, 7); ink.fill(); ink.stroke();
    }
  }

  // Density of the shown marks, per square kilometre, by a Gaussian kernel of a fixed width on the ground where that is
  // wide enough to be seen, else of sixteen pixels. Legend and colours share the classes of heatClasses().
  Sky.HEAT_METRES = 250;
  const STEP = 4;
  Sky.paintHeat = (ink, view, page) => {
    if (!page.on.heat) { page.heat = null; return; }
    const wide = Math.ceil(view.width / STEP), high = Math.ceil(view.height / STEP), margin = 24;
    const sigma = Math.max(2.5, Math.min(margin * 2, Sky.HEAT_METRES / view.metresPerPixel / STEP)), reach = Math.ceil(sigma * 3);
    const w = wide + 2 * reach, h = high + 2 * reach;
    let grid = new Float32Array(w * h);
    let any = false;
    for (const [wx, wy, n] of page.source.positions(page.crs())) {
      const column = Math.floor((wx * view.scale - view.x0) / STEP) + reach, row = Math.floor((wy * view.scale - view.y0) / STEP) + reach;
      if (column >= 0 && row >= 0 && column < w && row < h) { grid[row * w + column] += n; any = true; }
    }
    const kernel = Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-((i - reach) ** 2) / (2 * sigma * sigma)));
    const sum = kernel.reduce((a, b) => a + b, 0);
    grid = blur(blur(grid, w, h, kernel, 1 / sum, 1), w, h, kernel, 1 / sum, w);
    const cellKm2 = (STEP * view.metresPerPixel / 1000) ** 2, colours = page.sheet.look.heat.map(rgb);
    let most = 0;
    for (let row = 0; row < high; row += 1) for (let column = 0; column < wide; column += 1) most = Math.max(most, grid[(row + reach) * w + column + reach]);
    const classes = heatClasses(most / cellKm2);
    page.heat = any && most > 0 ? classes : null;
    if (!page.heat) return;
    const picture = new ImageData(wide, high);
    for (let row = 0; row < high; row += 1) {
      for (let column = 0; column < wide; column += 1) {
        const density = grid[(row + reach) * w + column + reach] / cellKm2;
        let level = -1;
        while (level + 1 < classes.length && density >= classes[level + 1]) level += 1;
        if (level < 0) continue;
        const at = 4 * (row * wide + column), colour = colours[level];
        picture.data[at] = colour[0]; picture.data[at + 1] = colour[1]; picture.data[at + 2] = colour[2]; picture.data[at + 3] = 175;
      }
    }
    const small = document.createElement("canvas");
    small.width = wide; small.height = high;
    small.getContext("2d").putImageData(picture, 0, 0);
    ink.imageSmoothingEnabled = true;
    ink.drawImage(small, 0, 0, wide * STEP, high * STEP);
  };

  function blur(grid, w, h, kernel, scale, stride) {
    const out = new Float32Array(grid.length), reach = (kernel.length - 1) / 2, along = stride === 1 ? w : h, across = stride === 1 ? h : w, other = stride === 1 ? w : 1;
    for (let line = 0; line < across; line += 1) {
      for (let i = 0; i < along; i += 1) {
        const value = grid[line * other + i * stride];
        if (!value) continue;
        const from = Math.max(0, i - reach), to = Math.min(along - 1, i + reach);
        for (let k = from; k <= to; k += 1) out[line * other + k * stride] += value * kernel[k - i + reach] * scale;
      }
    }
    return out;
  }

  // Six classes, each twice the one before, the last half of the densest: rounded to two digits.
  function heatClasses(most) { return Array.from({ length: 6 }, (_, i) => Number((most * 0.5 / 2 ** (5 - i)).toPrecision(2))); }
  const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
})(window.Sky = window.Sky || {});
