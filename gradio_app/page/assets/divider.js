// What Gradio leaves out of its slider between two pictures: names, keys, and who can see it move.
document.documentElement.lang = "en";

const NAMES = { "before-after": ["Before", "After, in colour"], "compare-slider": ["Left", "Right"] };

function place(handle) {
  const x = new DOMMatrix(getComputedStyle(handle).transform).m41;
  return Math.round((x / (handle.parentElement.clientWidth || 1)) * 100);
}

// The handle listens to the mouse alone: a key becomes a drag from where it is to where it should be.
function drag(handle, percent) {
  const box = handle.parentElement.getBoundingClientRect();
  const grip = handle.getBoundingClientRect();
  const from = { bubbles: true, cancelable: true, view: window, button: 0,
    clientX: grip.x + grip.width / 2, clientY: grip.y + grip.height / 2 };
  const to = { ...from, clientX: box.x + (box.width * Math.min(Math.max(percent, 0), 100)) / 100 };
  const grab = handle.querySelector(".inner") || handle;
  grab.dispatchEvent(new MouseEvent("mousedown", from));
  window.dispatchEvent(new MouseEvent("mousemove", to));
  window.dispatchEvent(new MouseEvent("mouseup", to));
  requestAnimationFrame(() => handle.setAttribute("aria-valuenow", place(handle)));
}

function furnish(handle) {
  const names = NAMES[handle.closest("[id]")?.closest("#before-after, #compare-slider")?.id];
  handle.closest(".wrap")?.querySelectorAll("img").forEach((image, i) => { if (names) image.alt = names[i]; });
  if (handle.tabIndex === 0) return;
  handle.tabIndex = 0;
  for (const [name, value] of Object.entries({
    role: "slider", "aria-orientation": "horizontal", "aria-valuemin": 0, "aria-valuemax": 100,
    "aria-valuenow": 50, "aria-label": names ? `Divider: ${names.join(" | ")}` : "Divider",
  })) handle.setAttribute(name, value);
  handle.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -5, ArrowRight: 5, PageDown: -20, PageUp: 20, Home: -100, End: 100 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    drag(handle, place(handle) + step);
  });
}

// Gradio calls an example "Thumbnail 1 of 5".
function name(example) {
  const image = example.querySelector("img");
  if (!image?.alt) return;
  example.setAttribute("aria-label", image.alt);
  image.alt = ""; // the button says it, and its caption once more
  example.querySelector(".caption-label")?.setAttribute("aria-hidden", "true");
}

new MutationObserver(() => {
  document.querySelectorAll('[data-testid="slider"]').forEach(furnish);
  document.querySelectorAll("#examples button").forEach(name);
  document.querySelectorAll(".empty[aria-label]:not([role])").forEach((part) => part.setAttribute("role", "img"));
}).observe(document, { childList: true, subtree: true });
