// For those who do not see the page, or use no mouse: names that Gradio gives wrongly, and the focus
// after a picture was opened or put away, which would be lost with the part that had it.
const onceSet = (element, name, value) => {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
};

function nameParts() {
  for (const image of document.querySelectorAll("#examples button img[alt]")) {
    const name = image.dataset.name ||= image.alt;
    onceSet(image.closest("button"), "aria-label", `Example: ${name}`);
    onceSet(image, "alt", ""); // the button says it, and its caption once more
  }
  for (const caption of document.querySelectorAll("#examples .caption-label")) onceSet(caption, "aria-hidden", "true");
  for (const empty of document.querySelectorAll(".empty[aria-label]:not([role])")) onceSet(empty, "role", "img");
}

let acted = false, wasOpen = false;
for (const name of ["change", "click", "drop", "paste"]) {
  document.addEventListener(name, () => { acted = true; }, true);
}

function moveFocus() {
  const studio = document.querySelector("#studio");
  const isOpen = Boolean(studio?.checkVisibility());
  if (isOpen === wasOpen) return;
  wasOpen = isOpen;
  // Not after the page was loaded anew, and not away from where a person has gone meanwhile.
  const focused = document.activeElement;
  const isLost = !focused || focused === document.body || !focused.checkVisibility() || focused.closest("#chooser");
  if (!acted || !isLost) return;
  if (isOpen) {
    for (const [name, value] of Object.entries({ role: "region", "aria-label": "The photograph in colour", tabindex: "-1" })) {
      onceSet(studio, name, value);
    }
    studio.focus({ preventScroll: true });
  } else {
    document.querySelector("#drop button")?.focus({ preventScroll: true });
  }
}

new MutationObserver(() => { nameParts(); moveFocus(); })
  .observe(document, { childList: true, subtree: true, attributes: true, attributeFilter: ["class", "style", "alt"] });
