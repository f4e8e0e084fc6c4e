"use strict";
const hex = (bytes) => [...new Uint8Array(bytes)].map((b) => b.toString(16).padStart(2, "0")).join("");
const bytesOf = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
async function signatureHolds(envelope, pem) {
  const der = bytesOf(pem.replace(/-----[^-]+-----|\s/g, ""));
  const body = bytesOf(envelope.payload);
  const head = new TextEncoder().encode(`DSSEv1 ${envelope.payloadType.length} ${envelope.payloadType} ${body.length} `);
  const message = new Uint8Array(head.length + body.length);
  message.set(head); message.set(body, head.length);
  const key = await crypto.subtle.importKey("spki", der, { name: "Ed25519" }, false, ["verify"]);
  return [await crypto.subtle.verify("Ed25519", key, bytesOf(envelope.signatures[0].sig), message), body, hex(await crypto.subtle.digest("SHA-256", der))];
}
async function check(files) {
  const lines = [];
  const say = (good, text) => lines.push([good, text]);
  const found = new Map();
  for (const file of files) found.set(file.webkitRelativePath.split("/").slice(1).join("/"), file);
  const wanted = ["signature/statement.json", "signature/envelope.json", "signature/key.pub.pem"];
  const absent = wanted.filter((name) => !found.has(name));
  if (absent.length) { say(false, `缺少 ${absent.join("、")}，这不是证据包的文件夹`); return lines; }
  const text = await found.get(wanted[0]).text();
  const statement = JSON.parse(text);
  try {
    const [holds, body, keyId] = await signatureHolds(JSON.parse(await found.get(wanted[1]).text()), await found.get(wanted[2]).text());
    const same = new TextDecoder().decode(body) === text;
    say(holds && same, holds && same ? `签名有效，公钥编号 ${keyId}；请与执法机关公布的公钥编号比较` : "签名无效");
  } catch (problem) { say(null, `本浏览器不能核对 Ed25519 签名（${problem.name}），请用 openssl 核对`); }
  const outside = new Set(["tagmanifest-sha256.txt", "tagmanifest-sm3.txt", "signature/time.tsr", ...wanted]);
  const named = new Map(statement.subject.map((subject) => [subject.name, subject.digest.sha256]));
  let right = 0;
  for (const [name, digest] of named) {
    if (!found.has(name)) { say(false, `缺少文件：${name}`); continue; }
    const actual = hex(await crypto.subtle.digest("SHA-256", await found.get(name).arrayBuffer()));
    if (actual === digest) right += 1; else say(false, `文件被改动：${name}`);
  }
  for (const name of found.keys()) if (!named.has(name) && !outside.has(name)) say(false, `多出文件：${name}`);
  say(right === named.size, `${named.size} 个文件中 ${right} 个与签名清单一致`);
  return lines;
}
document.getElementById("folder").addEventListener("change", async (event) => {
  const outcome = document.getElementById("outcome");
  outcome.textContent = "正在计算……";
  const lines = await check(event.target.files);
  outcome.replaceChildren(...lines.map(([good, text]) => {
    const line = document.createElement("p");
    line.className = good === null ? "note" : good ? "good" : "bad";
    line.textContent = text;
    return line;
  }));
});
