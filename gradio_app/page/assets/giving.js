// How photographs get to the page: chosen, pasted, or dropped anywhere in the window.

// The server keeps what this page has uploaded, and its picture, while it hears that it is open. A
// request a minute, not a stream: a browser has six connections to a server, and people more tabs.
const PAGE = [...crypto.getRandomValues(new Uint8Array(16))].map((x) => x.toString(16).padStart(2, "0")).join("");
const beat = () => fetch(`page/open/${PAGE}?picture=${encodeURIComponent(window.photochrom.lastId())}`, { method: "POST" })
  .then(window.photochrom.heard, () => {});
beat();
setInterval(beat, 60_000);
document.addEventListener("visibilitychange", () => { if (!document.hidden) beat(); });

const ONE = "#drop", MANY = "#many-drop";
const chooser = (which) => document.querySelector(`${which} input[type="file"]`);
const tabOf = (name) => document.querySelector(`#tab-${name}-button`);
const isThere = (name) => tabOf(name)?.getAttribute("aria-selected") === "true";

function putAway() {
  if (!chooser(ONE)) document.querySelector("#another")?.click();
}

// The chooser may not stand there yet: the page is loading, or another picture is being put away.
function give(which, files) {
  const input = chooser(which);
  if (!input) return setTimeout(give, 50, which, files);
  const carrier = new DataTransfer();
  for (const file of files) carrier.items.add(file);
  input.files = carrier.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

function giveOne(file) {
  if (!isThere("paint")) tabOf("photograph")?.click();
  putAway();
  give(ONE, [file]);
}

function giveMany(files) {
  tabOf("many")?.click();
  give(MANY, files);
}

const take = (files) => {
  if (files.length > 1 || (files.length && isThere("many"))) giveMany(files);
  else if (files.length) giveOne(files[0]);
};

document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files || [])].filter((file) => file.type.startsWith("image/"));
  if (!files.length) return;
  event.preventDefault();
  take(files);
});

// What is kept for a restart. An example is kept like any photograph.
document.addEventListener("change", (event) => {
  if (event.target.matches?.(`${ONE} input[type="file"]`)) window.photochrom.giving(event.target.files[0]);
}, true);
document.addEventListener("click", async (event) => {
  const image = event.target.closest?.("#examples button")?.querySelector("img");
  if (!image) return;
  const name = new URL(image.src).pathname.split("/").pop();
  const data = fetch(image.src).then((answer) => answer.blob());
  window.photochrom.giving(new File([await data], name, { type: "image/jpeg" }));
}, true);

// A browser opens what is dropped beside a target in place of the page: the whole window is one.
const hasFiles = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
const showTarget = (isShown) => document.documentElement.classList.toggle("is-dragging", isShown);

for (const kind of ["dragenter", "dragover"])
  window.addEventListener(kind, (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    event.stopPropagation();
    event.dataTransfer.dropEffect = "copy";
    showTarget(true);
  }, true);
window.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) showTarget(false);
}, true);
window.addEventListener("drop", async (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  event.stopPropagation();
  showTarget(false);
  take(await filesOf(event.dataTransfer));
}, true);

// The files of a drop, and those in folders that were dropped.
async function filesOf({ items, files }) {
  const plain = [...files];
  const entries = [...items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return plain;
  return (await Promise.all(entries.map(filesIn))).flat();
}

async function filesIn(entry) {
  if (entry.name.startsWith(".")) return [];
  if (entry.isFile) return [await new Promise((done, failed) => entry.file(done, failed))];
  const reader = entry.createReader(), found = [];
  for (;;) {
    const part = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!part.length) return (await Promise.all(found.map(filesIn))).flat();
    found.push(...part);
  }
}

// A phone shows its photographs and its camera where it is told that pictures are wanted, and an
// iPhone then sends JPEG for HEIC. Elsewhere every file may be chosen: suffixes say little.
if (matchMedia("(pointer: coarse)").matches)
  new MutationObserver(() => {
    for (const which of [ONE, MANY]) {
      const input = chooser(which);
      if (input && !input.accept) input.accept = "image/*,.tif,.tiff,.jp2,.j2k,.jpe,.jfif";
    }
  }).observe(document, { childList: true, subtree: true });
