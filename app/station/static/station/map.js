// The live part of the station's map: changes and aircraft by server-sent events.
"use strict";
((Sky) => {
  Sky.live = (page) => {
    const events = new EventSource(page.sheet.live);
    let lost = false; // what was decided while the line was away is asked for when it is back
    events.addEventListener("error", () => { lost = true; });
    events.addEventListener("open", () => { if (lost) { lost = false; page.ask(); } });
    events.addEventListener("incidents", () => page.ask());
    events.addEventListener("aircraft", (event) => {
      for (const one of JSON.parse(event.data)) page.aircraft.set(one.name, { ...one, heard: Date.now() });
      page.redraw();
    });
    setInterval(() => { if (page.aircraft.size) page.redraw(); }, 5000);
    window.addEventListener("pagehide", () => events.close());
  };
})(window.Sky = window.Sky || {});
