// What every page has: a form that is sent says so, and is not sent twice.
"use strict";
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) { event.preventDefault(); return; }
  if (form.method === "post") {
    form.dataset.sent = "1";
    window.setTimeout(() => { delete form.dataset.sent; }, 4000);
  }
});
// A page that was refused in the middle (signed out elsewhere, not allowed) is shown whole.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status === 403 || event.detail.xhr.status === 429) { window.location.reload(); }
});
