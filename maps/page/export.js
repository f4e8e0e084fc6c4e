// The map as a picture: what is seen, with title, legend, scale and date. Nothing leaves the machine.
"use strict";
((Sky) => {
  const INK = "#1f2933", FONT = "system-ui,'Noto Sans CJK SC','PingFang SC','Microsoft YaHei',sans-serif";

  // Draws every canvas and picture of the map's panes in their order, clipped as the swipe clips them.
  function flatten(ink, map) {
    const frame = map.getContainer().getBoundingClientRect();
    const drawn = [...map.getPane("mapPane").querySelectorAll("img,canvas")].map((element) => {
      const pane = element.closest(".leaflet-pane:not(.leaflet-map-pane)");
      return { element, order: Number(getComputedStyle(pane).zIndex) || 0, pane };
    });
    drawn.sort((a, b) => a.order - b.order);
    for (const { element, pane } of drawn) {
      const box = element.getBoundingClientRect();
      if (!box.width || getComputedStyle(pane).display === "none" || getComputedStyle(element).visibility === "hidden") continue;
      ink.save();
      if (pane.skyClip) { ink.beginPath(); ink.rect(...pane.skyClip); ink.clip(); }
      ink.globalAlpha = Number(getComputedStyle(element).opacity);
      ink.drawImage(element, box.left - frame.left, box.top - frame.top, box.width, box.height);
      ink.restore();
    }
  }

  // The legend's lines as the panel holds them: a picture of the symbol and its words.
  function legendLines(root) {
    return [...root.querySelectorAll("[data-legend]")].filter((line) => line.offsetParent !== null || root.hidden || !root.offsetParent)
      .map((line) => ({ head: line.dataset.legend === "head", words: line.querySelector(".sky-words")?.textContent ?? line.textContent, symbol: line.querySelector("canvas") }));
  }

  Sky.picture = (page) => {
    const { map, words, sheet } = page, size = map.getSize(), ratio = Math.max(2, window.devicePixelRatio || 1);
    const lines = legendLines(page.root.querySelector(".sky-legend-lines"));
    const side = 250, head = 58, high = Math.max(size.y + head, head + 40 + lines.length * 20);
    const canvas = document.createElement("canvas");
    canvas.width = (size.x + side) * ratio; canvas.height = high * ratio;
    const ink = canvas.getContext("2d");
    ink.scale(ratio, ratio);
    ink.fillStyle = "#fff"; ink.fillRect(0, 0, size.x + side, high);
    ink.fillStyle = INK; ink.textBaseline = "top"; ink.font = `600 20px ${FONT}`; ink.fillText(sheet.title, 12, 8);
    ink.font = `12px ${FONT}`; ink.fillText(page.caption(), 12, 36);
    ink.save();
    ink.translate(0, head); ink.beginPath(); ink.rect(0, 0, size.x, size.y); ink.clip();
    ink.fillStyle = "#e9edf0"; ink.fillRect(0, 0, size.x, size.y);
    flatten(ink, map);
    scale(ink, map, size);
    ink.restore();
    ink.strokeStyle = INK; ink.strokeRect(0.5, head + 0.5, size.x - 1, size.y - 1);
    let y = head + 6;
    for (const line of lines) {
      ink.font = `${line.head ? "600 " : ""}12px ${FONT}`; ink.fillStyle = INK; ink.textBaseline = "middle";
      if (line.symbol) ink.drawImage(line.symbol, size.x + 12, y, 22, 18);
      ink.fillText(line.words, size.x + (line.head ? 12 : 40), y + 9, side - (line.head ? 20 : 48));
      y += 20;
    }
    ink.fillText(words.datum, size.x + 12, y + 12, side - 20);
    return canvas;
  };

  // A bar of a round number of metres at the middle of the map, and north.
  function scale(ink, map, size) {
    const perPixel = map.distance(map.containerPointToLatLng([size.x / 2 - 50, size.y / 2]), map.containerPointToLatLng([size.x / 2 + 50, size.y / 2])) / 100;
    const most = perPixel * 160, power = 10 ** Math.floor(Math.log10(most)), metres = [5, 2, 1].find((n) => n * power <= most) * power;
    const wide = metres / perPixel, y = size.y - 14;
    ink.fillStyle = "rgba(255,255,255,.85)"; ink.fillRect(8, y - 22, wide + 34, 32);
    ink.strokeStyle = INK; ink.lineWidth = 2; ink.beginPath(); ink.moveTo(14, y - 6); ink.lineTo(14, y); ink.lineTo(14 + wide, y); ink.lineTo(14 + wide, y - 6); ink.stroke();
    ink.fillStyle = INK; ink.font = `12px ${FONT}`; ink.textBaseline = "bottom"; ink.textAlign = "left";
    ink.fillText(metres >= 1000 ? `${metres / 1000} km` : `${metres} m`, 18, y - 3); ink.fillText("N↑", 18 + wide, y + 2);
  }

  Sky.savePicture = (page) => new Promise((done) => {
    Sky.picture(page).toBlob((blob) => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = `${page.sheet.title.replace(/[^\p{L}\p{N}-]+/gu, "-").slice(0, 60) || "map"}.png`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
      done(blob.size);
    }, "image/png");
  });

  // Printing: the picture, with its legend, is what goes onto the paper.
  Sky.readyToPrint = (page) => {
    let paper = null;
    window.addEventListener("beforeprint", () => {
      paper = Sky.picture(page);
      paper.className = "sky-paper";
      page.root.append(paper);
    });
    window.addEventListener("afterprint", () => { paper?.remove(); paper = null; });
  };
})(window.Sky = window.Sky || {});
