// How photographs get to the page: chosen, pasted, or dropped anywhere in the window.

// The server keeps what this page has uploaded, and its picture, while it hears that it is open. A
// request a minute, not a stream: a browser has six connections to a server, and people more tabs.
const PAGE = [...crypto.getRandomValues(new Uint8Array(16))].map((x) => x.toString(16).padStart(2, "0")).join("");
const beat = () => fetch(`page/open/${PAGE}?picture=${encodeURIComponent(window.photochrom.lastId())}`, { method: "POST" })
  .then(window.photochrom.heard, () => {});
beat();
setInterval(beat, 60_000);
document.addEventListener("visibilitychange", () => { if (!document.hidden) beat(); });

const ONE = "#drop", MANY = "#many-drop", VOTE = "#vote-drop", FILM = "#film-drop";
const chooser = (which) => document.querySelector(`${which} input[type="file"]`);
const tabOf = (name) => document.querySelector(`#tab-${name}-button`);
const isThere = (name) => tabOf(name)?.getAttribute("aria-selected") === "true";

function putAway() {
  if (!chooser(ONE)) document.querySelector("#another")?.click();
}

// Who chose a PDF by mistake hears of it before anything is sent: the server is asked what
// the first bytes of each file are.
const HEAD = 64, NAMED = 3; // bytes; files that a notice names

async function refusalOf(file) {
  try {
    const answer = await fetch("page/recognize", { method: "POST", body: file.slice(0, HEAD) });
    return [400, 415].includes(answer.status) ? (await answer.json()).detail : "";
  } catch { return ""; } // the upload itself will say what is wrong
}

// Those of some files that begin like pictures; says which do not.
async function picturesAmong(files) {
  const reasons = await Promise.all(files.map(refusalOf));
  const others = files.filter((_, i) => reasons[i]);
  if (others.length === 1) window.photochrom.tell(`${others[0].name}: ${reasons.find(Boolean)}`);
  else if (others.length) {
    const names = others.slice(0, NAMED).map((file) => file.name).join(", ");
    const more = others.length > NAMED ? ` and ${others.length - NAMED} more` : "";
    window.photochrom.tell(`${others.length} files are left out, since they are not pictures: ${names}${more}`);
  }
  return files.filter((_, i) => !reasons[i]);
}

const given = new WeakSet(); // events of files that were looked at

// The chooser may not stand there yet: the page is loading, or another picture is being put away.
function give(which, files) {
  const input = chooser(which);
  if (!input) return setTimeout(give, 50, which, files);
  const carrier = new DataTransfer();
  for (const file of files) carrier.items.add(file);
  input.files = carrier.files;
  const event = new Event("change", { bubbles: true });
  given.add(event);
  input.dispatchEvent(event);
}

function giveOne(file) {
  if (!isThere("paint")) tabOf("photograph")?.click();
  putAway();
  give(ONE, [file]);
}

function giveMany(files) {
  if (isThere("vote")) return give(VOTE, files);
  tabOf("many")?.click();
  give(MANY, files);
}

// A film by its name or type; on its own tab everything is taken for one, and the server says more.
const FILMS = /\.(mkv|mp4|m4v|mov|avi|mxf|mpe?g|m2v|m?ts|m2ts|vob|dv|webm|ogv|wmv|3gp)$/i;
const isFilm = ({ name, type }) => type.startsWith("video/") || FILMS.test(name);

function giveFilm(file) {
  tabOf("film").click();
  if (!chooser(FILM)) document.querySelector(`${FILM} button[aria-label="Clear"]`)?.click();
  give(FILM, [file]);
}

const take = async (all) => {
  const film = tabOf("film") && (all.find(isFilm) || (isThere("film") && all[0]));
  if (film) return giveFilm(film);
  const files = await picturesAmong(all);
  if (files.length > 1 || (files.length && (isThere("many") || isThere("vote")))) giveMany(files);
  else if (files.length) giveOne(files[0]);
};

document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files || [])].filter((file) => file.type.startsWith("image/"));
  if (!files.length) return;
  event.preventDefault();
  take(files);
});

document.addEventListener("change", async (event) => {
  const input = event.target, which = [ONE, MANY, VOTE].find((part) => input === chooser(part));
  if (!which) return;
  const files = [...input.files];
  if (!given.has(event)) {
    event.stopImmediatePropagation();
    input.value = ""; // the same file may be chosen again
    const pictures = await picturesAmong(files);
    if (pictures.length) give(which, pictures);
  } else if (which === ONE) window.photochrom.giving(files[0]); // kept for a restart
}, true);
// An example is kept like any photograph.
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
    for (const which of [ONE, MANY, VOTE]) {
      const input = chooser(which);
      if (input && !input.accept) input.accept = "image/*,.tif,.tiff,.jp2,.j2k,.jpe,.jfif";
    }
  }).observe(document, { childList: true, subtree: true });
