// Sends footage in pieces, each with its digest; asks where to go on; tries again while the line is down.
"use strict";
(() => {
  const form = document.getElementById("upload");
  if (!form) { return; }
  const list = document.getElementById("sending");
  const words = JSON.parse(form.dataset.words);
  const pieceBytes = Number(form.dataset.piece);
  const token = form.elements.csrfmiddlewaretoken.value;
  const pause = (ms) => new Promise((done) => { window.setTimeout(done, ms); });

  const line = (file) => {
    const item = document.createElement("li");
    const bar = document.createElement("progress");
    const said = document.createElement("span");
    bar.max = file.size;
    item.append(`${file.name} `, bar, " ", said);
    list.append(item);
    return {
      show(received, word) { bar.value = received; said.textContent = word || `${(received / 1e6).toFixed(1)} MB ${words.sent}`; },
    };
  };

  // An answer that is JSON, or null when the line was lost and it is worth trying again.
  const ask = async (address, options) => {
    try {
      const answer = await fetch(address, { credentials: "same-origin", ...options });
      if (answer.status === 429 || answer.status >= 500) { return null; }
      const kind = answer.headers.get("Content-Type") || "";
      return kind.startsWith("application/json") ? { status: answer.status, body: await answer.json() } : { status: answer.status, body: null };
    } catch (lost) {
      return null;
    }
  };

  const begin = (file) => {
    const said = new FormData();
    said.append("batch", form.elements.batch.value);
    said.append("district", form.elements.district.value);
    said.append("name", file.name);
    said.append("size", String(file.size));
    said.append("modified", String(file.lastModified));
    return ask(form.action, { method: "POST", body: said, headers: { "X-CSRFToken": token } });
  };

  const sendPiece = async (address, file, from) => {
    const piece = await file.slice(from, from + pieceBytes).arrayBuffer();
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", piece));
    return ask(address, {
      method: "POST",
      body: piece,
      headers: {
        "Content-Type": "application/octet-stream",
        "Content-Range": `bytes ${from}-${from + piece.byteLength - 1}/${file.size}`,
        "Content-Digest": `sha-256=:${btoa(String.fromCharCode(...digest))}:`,
        "X-CSRFToken": token,
      },
    });
  };

  const send = async (file) => {
    const bar = line(file);
    let upload = null;
    for (let tries = 0; ;) {
      const answer = upload === null
        ? await begin(file)
        : upload.state === "receiving"
          ? await sendPiece(upload.address, file, upload.received)
          : await ask(upload.address, {});
      if (answer === null) {
        bar.show(upload ? upload.received : 0, words.again);
        tries += 1;
        await pause(Math.min(30000, 1000 * 2 ** tries));
        continue;
      }
      if (answer.body === null || answer.body.state === undefined) { bar.show(0, words.refused); return; }
      tries = 0;
      upload = answer.body;
      if (upload.state === "stored") { bar.show(upload.size, `${words.stored}: ${upload.sha256.slice(0, 16)}…`); return; }
      if (upload.state === "refused") { bar.show(upload.received, `${words.refused}: ${upload.reason}`); return; }
      if (upload.state === "storing") { bar.show(upload.size, words.storing); await pause(1000); continue; }
      if (answer.status === 409) { await pause(1000); }
      bar.show(upload.received);
    }
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    event.stopImmediatePropagation();
    const files = [...form.elements.files.files];
    const button = form.querySelector("button");
    button.disabled = true;
    for (const file of files) { await send(file); document.body.dispatchEvent(new Event("arrived")); }
    button.disabled = false;
  });
})();
