// The review by keyboard: keys press the buttons that show them, pictures zoom to their pixels, a box is redrawn, the
// point is moved. Everything works by mouse and finger too, and every verdict is a form that the server reads.
"use strict";
(() => {
  const state = { shownAt: performance.now(), opened: "", mode: "", zoomed: false, from: null };
  const lead = () => document.querySelector("[data-review]");
  const find = (selector) => lead()?.querySelector(selector);
  const all = (selector) => [...(lead()?.querySelectorAll(selector) ?? [])];
  const form = () => document.getElementById("verdict");

  function fresh() {
    Object.assign(state, { shownAt: performance.now(), opened: "", mode: "", zoomed: false, from: null });
    document.title = document.title.replace(/^\S+/, lead()?.dataset.number ?? "·");
  }
  function send(verdict, reason) {
    const fields = form();
    if (!fields || fields.dataset.gone) return;
    fields.dataset.gone = "1";
    fields.elements.seconds.value = ((performance.now() - state.shownAt) / 1000).toFixed(1);
    fields.elements.reason.value = reason;
    const values = Object.fromEntries(new FormData(fields));
    htmx.ajax("POST", fields.getAttribute("action"), { target: "#lead", values: { ...values, verdict } })
      .finally(() => { delete fields.dataset.gone; });
  }
  function open(verdict, name) {
    const reasons = find("[data-reasons]");
    state.opened = verdict;
    reasons.hidden = false;
    find("[data-reasons-name]").textContent = name;
    reasons.querySelector("button").focus();
  }
  function leave() {
    state.opened = ""; setMode("");
    const reasons = find("[data-reasons]");
    if (reasons) reasons.hidden = true;
    find("[data-help]")?.close?.();
  }
  function setMode(mode) {
    state.mode = state.mode === mode ? "" : mode;
    find("[data-viewer]")?.classList.toggle("drawing", state.mode === "draw");
    find("[data-map]")?.classList.toggle("moving", state.mode === "move");
  }
  function picture() { return all("[data-picture]").find((image) => !image.hidden); }
  function choose(digest) {
    for (const image of all("[data-picture]")) image.hidden = image.dataset.picture !== digest;
    const drawn = find("[data-drawn]");
    if (drawn && form()?.elements.picture.value !== digest) drawn.hidden = true;
  }
  function zoom(at) {
    const image = picture(), viewer = find("[data-viewer]");
    if (!image) return;
    const before = image.getBoundingClientRect();
    const share = at ? [(at.clientX - before.left) / before.width, (at.clientY - before.top) / before.height] : [0.5, 0.5];
    state.zoomed = !state.zoomed;
    viewer.classList.toggle("zoomed", state.zoomed);
    const drawn = find("[data-drawn]");
    if (drawn) drawn.hidden = true;
    if (state.zoomed) {
      viewer.scrollLeft = share[0] * image.naturalWidth - viewer.clientWidth / 2;
      viewer.scrollTop = share[1] * image.naturalHeight - viewer.clientHeight / 2;
    }
  }
  const ACTS = {
    zoom: () => zoom(null),
    draw: () => setMode("draw"),
    move: () => setMode("move"),
    help: () => find("[data-help]")?.showModal(),
  };
  const LETTERS = { z: "zoom", b: "draw", m: "move", "?": "help" };

  document.addEventListener("keydown", (event) => {
    if (!lead() || event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches?.("input[type=text], input:not([type]), input[type=date], select, textarea");
    if (typing) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key === "Escape") { leave(); return; }
    if (find("[data-help]")?.open) return;
    if (LETTERS[key]) { event.preventDefault(); ACTS[LETTERS[key]](); return; }
    if (key === "p") {
      const pictures = all("[data-picture]");
      const next = pictures[(pictures.indexOf(picture()) + 1) % pictures.length];
      if (next) choose(next.dataset.picture);
      return;
    }
    if (key === "v") {
      const clip = find("video.clip");
      if (clip?.paused) clip.play().catch(() => clip.focus()); else clip?.pause();
      return;
    }
    if (key === "c" || key === "g") {
      const ticks = all(key === "c" ? "input[name=site]" : "input[name=together]");
      const now = ticks.findIndex((tick) => tick.checked);
      const next = ticks[(now + 1) % ticks.length];
      if (next) next.checked = key === "c" ? true : !next.checked;
      return;
    }
    if (/^[1-8]$/.test(key) && !state.opened) return;
    const button = all(`[data-key="${key}"]`)[0];
    if (!button) return;
    event.preventDefault();
    if (button.matches("form")) button.requestSubmit(); else button.click();
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button, a");
    if (!button || !lead()?.contains(button)) return;
    if (button.name === "verdict") { event.preventDefault(); send(button.value, ""); }
    else if (button.dataset.open) open(button.dataset.open, button.textContent.trim());
    else if (button.dataset.reason) send(state.opened, button.dataset.reason);
    else if (button.dataset.choose) choose(button.dataset.choose);
    else if (button.dataset.act) ACTS[button.dataset.act]();
  });

  // Redrawing the box: corners in the picture's own pixels.
  document.addEventListener("pointerdown", (event) => {
    const viewer = event.target.closest?.("[data-viewer]");
    if (!viewer || !picture()) return;
    state.from = [event.clientX, event.clientY, viewer.scrollLeft, viewer.scrollTop];
    if (state.mode === "draw" || state.zoomed) { viewer.setPointerCapture(event.pointerId); event.preventDefault(); }
  });
  document.addEventListener("pointermove", (event) => {
    const viewer = event.target.closest?.("[data-viewer]");
    if (!viewer || !state.from) return;
    if (state.mode === "draw") {
      const drawn = find("[data-drawn]"), frame = viewer.getBoundingClientRect();
      const [left, right] = [state.from[0], event.clientX].sort((a, b) => a - b);
      const [top, bottom] = [state.from[1], event.clientY].sort((a, b) => a - b);
      drawn.hidden = false;
      drawn.style.left = `${left - frame.left + viewer.scrollLeft}px`;
      drawn.style.top = `${top - frame.top + viewer.scrollTop}px`;
      drawn.style.width = `${right - left}px`;
      drawn.style.height = `${bottom - top}px`;
    } else if (state.zoomed) {
      viewer.scrollLeft = state.from[2] - (event.clientX - state.from[0]);
      viewer.scrollTop = state.from[3] - (event.clientY - state.from[1]);
    }
  });
  document.addEventListener("pointerup", (event) => {
    if (!state.from) return;
    const image = picture(), from = state.from, moved = Math.hypot(event.clientX - from[0], event.clientY - from[1]);
    state.from = null;
    if (!image) return;
    if (state.mode === "draw" && moved > 4) {
      const frame = image.getBoundingClientRect(), scale = image.naturalWidth / frame.width;
      const pixel = (x, y) => [
        Math.min(Math.max((x - frame.left) * scale, 0), image.naturalWidth),
        Math.min(Math.max((y - frame.top) * scale, 0), image.naturalHeight),
      ];
      const [a, b] = [pixel(from[0], from[1]), pixel(event.clientX, event.clientY)];
      const box = [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[0], b[0]), Math.max(a[1], b[1])];
      form().elements.box.value = box.map((edge) => edge.toFixed(1)).join(",");
      form().elements.picture.value = image.dataset.picture;
      setMode("");
    } else if (!state.mode && moved <= 4 && event.target.closest?.("[data-viewer]")) { zoom(event); }
  });

  // Moving the point: a place in the map's own units; the server knows its scale.
  document.addEventListener("click", (event) => {
    const map = event.target.closest?.("[data-map]");
    if (!map || state.mode !== "move") return;
    const frame = map.getBoundingClientRect(), side = map.viewBox.baseVal.width;
    const x = (event.clientX - frame.left) / frame.width * side, y = (event.clientY - frame.top) / frame.height * side;
    const moved = find("[data-moved]");
    moved.setAttribute("cx", x); moved.setAttribute("cy", y); moved.setAttribute("visibility", "visible");
    form().elements.point.value = `${x.toFixed(2)},${y.toFixed(2)}`;
    setMode("");
  });

  document.addEventListener("htmx:afterSettle", fresh);
  fresh();
})();
