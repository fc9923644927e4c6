// The painting area: strokes are painted here and told to the server as a list; the server answers
// with a new picture underneath. SWATCHES comes from hint_editor.py, which writes it before this text;
// `makeHistory` and `touches` stand in strokes.js, `makeZoom` in zoom.js.
const editor = element.querySelector(".hint-editor");
const find = (name) => editor.querySelector(".hint-editor-" + name);
const canvas = find("canvas"), picture = find("picture"), ink = canvas.getContext("2d");
const says = find("says"), busy = find("busy"), size = find("size").querySelector("input");
const free = find("free").querySelector("input");
const painting = makeHistory(), zoom = makeZoom(find("view"));
const pointers = new Map(); // pointerId -> [x, y] on the screen, of fingers and buttons that are down
let stroke = null; // the one that is being painted
let rubbed = null; // what is left while the eraser is down
let lit = null; // the stroke that the list points at
let painter = null, isPinched = false, isDragged = false;
let cursor = null, colour = null, known = null;

for (const { name, colour: value } of SWATCHES) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "hint-editor-swatch";
  button.style.setProperty("--swatch", value);
  button.dataset.colour = value;
  button.innerHTML = '<span class="hint-editor-dot"></span><span class="hint-editor-name"></span>';
  button.lastChild.textContent = name;
  button.addEventListener("click", () => choose(value, name));
  find("swatches").insertBefore(button, find("free"));
}

const nameOf = (value) => SWATCHES.find((swatch) => swatch.colour === value)?.name || value;

function choose(value, name) {
  colour = value;
  for (const button of find("swatches").querySelectorAll("button"))
    button.setAttribute("aria-pressed", button.dataset.colour === value);
  const isFree = name === undefined;
  find("free").classList.toggle("chosen", isFree);
  if (isFree) find("free").style.setProperty("--swatch", value);
  setTool("brush");
  if (name) say(`Brush: ${name}`);
}

function setTool(tool) {
  editor.dataset.tool = tool;
  for (const name of ["ask", "erase"]) find(name).setAttribute("aria-pressed", tool === name);
  if (tool !== "ask") find("alternatives").hidden = true;
}
const toggle = (tool) => setTool(editor.dataset.tool === tool ? "brush" : tool);

const say = (text) => { says.textContent = text; };
const width = () => known?.width || 1, height = () => known?.height || 1;
// Pixels of the picture for one of the screen. The brush's size is in pixels of the screen: what one
// sees is what one paints.
const scale = () => width() / (picture.clientWidth || 1) / zoom.factor;
const radius = () => Math.max(1, size.value / 2 * scale());

// Where an event is: on the painting area in pixels of the screen, and on the picture in its own.
function onArea({ clientX, clientY }) {
  const box = canvas.getBoundingClientRect();
  return [clientX - box.left, clientY - box.top];
}
function at(event) {
  const [x, y] = onArea(event);
  return inside([(x - zoom.left) * scale(), (y - zoom.top) * scale()]);
}
const inside = ([x, y]) =>
  [Math.min(Math.max(x, 0), width() - 1), Math.min(Math.max(y, 0), height() - 1)];
const onScreen = ([x, y]) => [x / scale() + zoom.left, y / scale() + zoom.top];

function drawStroke({ colour, radius, points }, k) {
  ink.strokeStyle = colour;
  ink.lineWidth = Math.max(2 / k, 2 * radius);
  ink.beginPath();
  points.forEach(([x, y], i) => ink[i ? "lineTo" : "moveTo"](x, y));
  if (points.length === 1) ink.lineTo(points[0][0] + 0.01, points[0][1]);
  ink.stroke();
}

function draw() {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [picture.clientWidth, picture.clientHeight];
  if (!w) return;
  if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
    canvas.width = Math.round(w * ratio);
    canvas.height = Math.round(h * ratio);
  }
  picture.style.transform =
    zoom.factor > 1 ? `translate(${zoom.left}px, ${zoom.top}px) scale(${zoom.factor})` : "";
  const k = ratio / scale(); // pixels of the canvas for one of the picture
  ink.setTransform(1, 0, 0, 1, 0, 0);
  ink.clearRect(0, 0, canvas.width, canvas.height);
  ink.lineCap = ink.lineJoin = "round";
  ink.setTransform(k, 0, 0, k, zoom.left * ratio, zoom.top * ratio);
  for (const painted of rubbed || painting.strokes) {
    ink.globalAlpha = painted === lit ? 0.9 : 0.4;
    drawStroke(painted, k);
  }
  ink.globalAlpha = 0.75;
  if (stroke) drawStroke(stroke, k);
  if (cursor) drawCursor(k, ratio);
  find("undo").disabled = !painting.canUndo;
  find("redo").disabled = !painting.canRedo;
  find("clear").disabled = !painting.strokes.length;
  find("out").disabled = find("whole").disabled = zoom.factor === 1;
  find("whole").textContent = `${Math.round(zoom.factor * 100)} %`;
}

function drawCursor(k, ratio) {
  ink.globalAlpha = 1;
  for (const [shade, line] of [["#000", 3], ["#fff", 1.5]]) {
    ink.strokeStyle = shade;
    ink.lineWidth = line * ratio / k;
    ink.beginPath();
    ink.arc(...cursor, editor.dataset.tool === "ask" ? 6 * ratio / k : radius(), 0, 7);
    ink.stroke();
  }
}

function list() {
  const items = painting.strokes.map((painted, i) => {
    const item = document.createElement("li"), remove = document.createElement("button");
    item.style.setProperty("--swatch", painted.colour);
    item.innerHTML = '<span class="hint-editor-dot"></span>';
    item.append(nameOf(painted.colour), remove);
    remove.type = "button";
    remove.textContent = "Remove";
    remove.setAttribute("aria-label", `Remove stroke ${i + 1}, ${nameOf(painted.colour)}`);
    remove.addEventListener("click", () =>
      change(painting.strokes.filter((other) => other !== painted), "Stroke removed"));
    const light = (which) => () => { lit = which; draw(); };
    for (const [event, which] of [["pointerenter", painted], ["pointerleave", null]])
      item.addEventListener(event, light(which));
    remove.addEventListener("focus", light(painted));
    remove.addEventListener("blur", light(null));
    return item;
  });
  lit = null;
  find("list").hidden = !items.length;
  find("list").querySelector("summary").textContent =
    items.length === 1 ? "1 stroke" : `${items.length} strokes`;
  find("list").querySelector("ol").replaceChildren(...items);
}

// Tells the server all strokes as they are now, and the page, which keeps them for a restart.
function tell(text) {
  list();
  draw();
  busy.hidden = false;
  window.photochrom?.keepStrokes(known?.id, painting.strokes);
  trigger("paint", { strokes: painting.strokes });
  say(text);
}

function change(strokes, text) {
  painting.change(strokes);
  tell(text);
}

function add(painted, name) {
  const count = painting.strokes.length + 1;
  change([...painting.strokes, painted],
    `Stroke ${count}${name ? ": " + name : ""}; the picture is coloured anew`);
}

function undo() {
  if (!painting.undo()) return;
  const left = painting.strokes.length;
  tell(left ? `${left} strokes left` : "No stroke left");
}
function redo() {
  if (painting.redo()) tell(`${painting.strokes.length} strokes`);
}

function ask(point) {
  busy.hidden = false;
  trigger("ask", { x: point[0], y: point[1], radius: radius() });
}

function rub(point) {
  rubbed = rubbed.filter((painted) => !touches(painted, point, radius()));
}

// One finger, or the left button, uses the tool. As soon as there are two fingers they move the
// picture, and none of them paints before all are up again.
canvas.addEventListener("pointerdown", (event) => {
  if (!known || event.button > 1) return;
  event.preventDefault();
  canvas.focus({ preventScroll: true });
  canvas.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, onArea(event));
  if (pointers.size > 1 || event.button === 1) {
    isPinched = pointers.size > 1;
    isDragged = !isPinched;
    stroke = rubbed = painter = cursor = null;
    return draw();
  }
  painter = event.pointerId;
  cursor = at(event);
  if (editor.dataset.tool === "brush") stroke = { colour, radius: radius(), points: [cursor] };
  if (editor.dataset.tool === "erase") rub(cursor, rubbed = painting.strokes);
  draw();
});

canvas.addEventListener("pointermove", (event) => {
  const place = onArea(event), before = pointers.get(event.pointerId);
  if (before) pointers.set(event.pointerId, place);
  if (before && (isPinched || isDragged)) return moveView(event.pointerId, before, place);
  if (painter !== null && painter !== event.pointerId) return;
  cursor = at(event);
  if (stroke) for (const part of event.getCoalescedEvents?.() || []) extend(at(part));
  if (stroke) extend(cursor);
  if (rubbed) rub(cursor);
  draw();
});

function extend(point) {
  const last = stroke.points.at(-1);
  if (Math.hypot(point[0] - last[0], point[1] - last[1]) > stroke.radius / 3) stroke.points.push(point);
}

function moveView(id, before, place) {
  const other = [...pointers].find(([key]) => key !== id)?.[1];
  const [x, y] = [place[0] - before[0], place[1] - before[1]];
  if (isDragged) zoom.pan(x, y);
  else if (other) {
    const apart = (point) => Math.max(Math.hypot(point[0] - other[0], point[1] - other[1]), 1);
    zoom.pan(x / 2, y / 2);
    zoom.by(apart(place) / apart(before), [(place[0] + other[0]) / 2, (place[1] + other[1]) / 2]);
  }
  draw();
}

function lift(event) {
  pointers.delete(event.pointerId);
  if (pointers.size === 0) isPinched = isDragged = false;
  if (painter !== event.pointerId) return;
  painter = null;
  const [painted, left] = [stroke, rubbed];
  stroke = rubbed = null;
  if (event.pointerType !== "mouse") cursor = null;
  if (event.type === "pointercancel") return draw();
  if (painted) add(painted);
  else if (left && left.length < painting.strokes.length) change(left, "Stroke erased");
  else if (editor.dataset.tool === "ask") ask(at(event));
  draw();
}
canvas.addEventListener("pointerup", lift);
canvas.addEventListener("pointercancel", lift);
canvas.addEventListener("pointerleave", () => { if (painter === null) { cursor = null; draw(); } });
canvas.addEventListener("blur", () => { if (painter === null) { cursor = null; draw(); } });

// A wheel that would make the picture smaller than the area scrolls the page instead.
canvas.addEventListener("wheel", (event) => {
  const turned = event.deltaY * (event.deltaMode ? 16 : 1);
  if (!turned || (turned > 0 && zoom.factor === 1 && !event.ctrlKey)) return;
  event.preventDefault();
  zoom.by(Math.exp(-turned * (event.ctrlKey ? 0.01 : 0.0016)), onArea(event));
  cursor = at(event);
  draw();
}, { passive: false });

function zoomBy(factor) {
  const middle = [canvas.clientWidth / 2, canvas.clientHeight / 2];
  zoom.by(factor, cursor ? onScreen(cursor) : middle);
  draw();
  say(`${Math.round(zoom.factor * 100)} %`);
}
function showWhole() {
  zoom.whole();
  draw();
}

const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function moveCursor([x, y], isFar) {
  const step = (isFar ? 0.05 : 0.01) * Math.max(width(), height()) / zoom.factor;
  cursor = inside([cursor[0] + x * step, cursor[1] + y * step]);
  zoom.reveal(onScreen(cursor));
  const percent = (at, whole) => Math.round(at / whole * 100);
  say(`${percent(cursor[0], width())} % across, ${percent(cursor[1], height())} % down`);
}

function useTool() {
  if (editor.dataset.tool === "ask") return ask(cursor);
  if (editor.dataset.tool === "brush") return add({ colour, radius: radius(), points: [cursor] });
  const left = painting.strokes.filter((painted) => !touches(painted, cursor, radius()));
  if (left.length < painting.strokes.length) change(left, "Stroke erased");
}

canvas.addEventListener("keydown", (event) => {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const isCommand = event.ctrlKey || event.metaKey;
  if (MOVES[key] || key === " " || key === "Enter") cursor ??= [width() / 2, height() / 2];
  if (MOVES[key]) moveCursor(MOVES[key], event.shiftKey);
  else if (isCommand && key === "z") event.shiftKey ? redo() : undo();
  else if (isCommand && key === "y") redo();
  else if (isCommand) return;
  else if (key === " " || key === "Enter") useTool();
  else if (key === "[" || key === "]") size.value = +size.value + (key === "]" ? 6 : -6);
  else if (key === "+" || key === "=") zoomBy(1.25);
  else if (key === "-") zoomBy(0.8);
  else if (key === "0") showWhole();
  else return;
  event.preventDefault();
  draw();
});

find("undo").addEventListener("click", undo);
find("redo").addEventListener("click", redo);
find("clear").addEventListener("click", () => change([], "All strokes cleared; Undo brings them back"));
find("ask").addEventListener("click", () => toggle("ask"));
find("erase").addEventListener("click", () => toggle("erase"));
find("in").addEventListener("click", () => zoomBy(1.5));
find("out").addEventListener("click", () => zoomBy(1 / 1.5));
find("whole").addEventListener("click", showWhole);
free.addEventListener("input", () => choose(free.value));
picture.addEventListener("load", () => { busy.hidden = true; draw(); });
new ResizeObserver(() => { zoom.pan(0, 0); draw(); }).observe(find("view"));

function showAlternatives({ x, y, radius, choices }) {
  const area = find("alternatives");
  area.replaceChildren(Object.assign(document.createElement("span"), { textContent: "Could also be" }));
  for (const { colour: value, share, picture: small } of choices) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "hint-editor-choice";
    button.style.setProperty("--swatch", value);
    if (small) button.append(Object.assign(new Image(), { src: small, alt: "" }));
    button.append(`${share} %`);
    button.setAttribute("aria-label", `Make it ${value}, which the model finds ${share} % likely`);
    button.addEventListener("click", () => add({ colour: value, radius, points: [[x, y]] }, value));
    area.append(button);
  }
  area.hidden = false;
  say(`${choices.length} alternatives`);
}

function show() {
  const value = props.value;
  if (!value || value.failed) { busy.hidden = true; return; }
  const isOther = value.id !== known?.id;
  known = value;
  if (isOther || value.restore) {
    painting.begin(value.strokes || []);
    zoom.whole();
    setTool("brush");
    list();
  }
  find("view").style.setProperty("--ratio", width() / height());
  find("ask").hidden = !value.can_ask;
  editor.classList.toggle("no-hints", !value.takes_hints);
  if (value.alternatives) showAlternatives(value.alternatives);
  if (value.image && !picture.src.endsWith(value.image)) picture.src = value.image;
  else busy.hidden = true;
  draw();
  if (isOther) takeStrokes();
}

// Strokes that this browser kept and the server does not know.
function takeStrokes() {
  const carried = window.photochrom?.takeStrokes();
  if (!carried?.length || JSON.stringify(carried) === JSON.stringify(painting.strokes)) return;
  painting.begin(carried);
  tell("Your strokes are back");
}
addEventListener("photochrom-strokes", () => { if (known) takeStrokes(); });
watch("value", show);
choose(SWATCHES[0].colour, SWATCHES[0].name);
say("");
show();
