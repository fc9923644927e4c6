// The hint brush: strokes are painted here, kept here in pixels of the full picture, and told to
// the server as a list; the server answers with a new picture underneath. SWATCHES comes from
// stage.py, which writes it before this text.
const stage = element.querySelector(".stage");
const find = (name) => stage.querySelector(".stage-" + name);
const canvas = find("canvas"), picture = find("picture"), ink = canvas.getContext("2d");
const says = find("says"), busy = find("busy"), size = find("size").querySelector("input");
const free = find("free").querySelector("input");
let strokes = [], current = null, cursor = null, colour = null, known = null;

for (const { name, colour: value } of SWATCHES) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "stage-swatch";
  button.style.setProperty("--swatch", value);
  button.title = name;
  button.dataset.colour = value;
  button.setAttribute("aria-label", name);
  button.addEventListener("click", () => choose(value, name));
  find("swatches").append(button);
}

function choose(value, name) {
  colour = value;
  for (const button of find("swatches").children)
    button.setAttribute("aria-pressed", button.dataset.colour === value);
  find("free").classList.toggle("chosen", free.value === value && name === undefined);
  setTool("brush");
  if (name) say(`Brush: ${name}`);
}

function setTool(tool) {
  stage.dataset.tool = tool;
  find("ask").setAttribute("aria-pressed", tool === "ask");
  if (tool === "brush") find("alternatives").hidden = true;
}

const say = (text) => { says.textContent = text; };
const width = () => known?.width || 1, height = () => known?.height || 1;
// The brush's size is in pixels of the screen: what one sees is what one paints.
const scale = () => width() / (picture.clientWidth || 1);

function at(event) {
  const box = canvas.getBoundingClientRect();
  const clamp = (x, top) => Math.min(Math.max(x, 0), top - 1);
  return [
    clamp((event.clientX - box.left) / box.width * width(), width()),
    clamp((event.clientY - box.top) / box.height * height(), height()),
  ];
}

function draw() {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [picture.clientWidth, picture.clientHeight];
  if (!w) return;
  if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
    canvas.width = Math.round(w * ratio);
    canvas.height = Math.round(h * ratio);
  }
  const zoom = canvas.width / width();
  ink.clearRect(0, 0, canvas.width, canvas.height);
  ink.lineCap = ink.lineJoin = "round";
  for (const stroke of current ? [...strokes, current] : strokes) {
    ink.globalAlpha = stroke === current ? 0.75 : 0.4;
    ink.strokeStyle = stroke.colour;
    ink.lineWidth = Math.max(2, 2 * stroke.radius * zoom);
    ink.beginPath();
    stroke.points.forEach(([x, y], i) => ink[i ? "lineTo" : "moveTo"](x * zoom, y * zoom));
    if (stroke.points.length === 1)
      ink.lineTo(stroke.points[0][0] * zoom + 0.01, stroke.points[0][1] * zoom);
    ink.stroke();
  }
  if (cursor) {
    const [x, y] = [cursor[0] * zoom, cursor[1] * zoom];
    const radius = stage.dataset.tool === "ask" ? 6 * ratio : size.value / 2 * ratio;
    ink.globalAlpha = 1;
    for (const [shade, line] of [["#000", 3], ["#fff", 1.5]]) {
      ink.strokeStyle = shade;
      ink.lineWidth = line * ratio;
      ink.beginPath();
      ink.arc(x, y, radius, 0, 7);
      ink.stroke();
    }
  }
  find("undo").disabled = find("clear").disabled = strokes.length === 0;
}

function tell() {
  draw();
  busy.hidden = false;
  trigger("paint", { strokes });
}

function ask(point) {
  busy.hidden = false;
  trigger("ask", { x: point[0], y: point[1] });
}

function add(stroke, name) {
  strokes = [...strokes, stroke];
  tell();
  say(`Stroke ${strokes.length}${name ? ": " + name : ""}; the picture is coloured anew`);
}

const radius = () => Math.max(1, size.value / 2 * scale());

canvas.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || !known) return;
  event.preventDefault();
  canvas.focus({ preventScroll: true });
  if (stage.dataset.tool === "ask") return ask(at(event));
  canvas.setPointerCapture(event.pointerId);
  current = { colour, radius: radius(), points: [at(event)] };
  draw();
});
canvas.addEventListener("pointermove", (event) => {
  cursor = at(event);
  if (current) {
    const last = current.points.at(-1), step = Math.hypot(cursor[0] - last[0], cursor[1] - last[1]);
    if (step > current.radius / 3) current.points.push(cursor);
  }
  draw();
});
canvas.addEventListener("pointerup", () => {
  if (!current) return;
  const stroke = current;
  current = null;
  add(stroke);
});
canvas.addEventListener("pointercancel", () => { current = null; draw(); });
canvas.addEventListener("pointerleave", () => { if (!current) { cursor = null; draw(); } });
canvas.addEventListener("blur", () => { cursor = null; draw(); });

canvas.addEventListener("keydown", (event) => {
  const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  cursor ??= [width() / 2, height() / 2];
  if (move) {
    const step = (event.shiftKey ? 0.05 : 0.01) * Math.max(width(), height());
    cursor = [
      Math.min(Math.max(cursor[0] + move[0] * step, 0), width() - 1),
      Math.min(Math.max(cursor[1] + move[1] * step, 0), height() - 1),
    ];
    say(`${Math.round(cursor[0] / width() * 100)} % across, ${Math.round(cursor[1] / height() * 100)} % down`);
  } else if (event.key === " " || event.key === "Enter") {
    if (stage.dataset.tool === "ask") ask(cursor);
    else add({ colour, radius: radius(), points: [cursor] });
  } else if (event.key === "[" || event.key === "]") {
    size.value = +size.value + (event.key === "]" ? 6 : -6);
  } else if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey)) {
    undo();
  } else return;
  event.preventDefault();
  draw();
});

function undo() {
  if (!strokes.length) return;
  strokes = strokes.slice(0, -1);
  tell();
  say(strokes.length ? `${strokes.length} strokes left` : "No stroke left");
}

find("undo").addEventListener("click", undo);
find("clear").addEventListener("click", () => { strokes = []; tell(); say("All strokes cleared"); });
find("ask").addEventListener("click", () =>
  setTool(stage.dataset.tool === "ask" ? "brush" : "ask"));
free.addEventListener("input", () => choose(free.value));
picture.addEventListener("load", () => { busy.hidden = true; draw(); });
new ResizeObserver(draw).observe(picture);

function showAlternatives({ x, y, choices }) {
  const list = find("alternatives");
  list.replaceChildren(Object.assign(document.createElement("span"), { textContent: "Could also be" }));
  for (const { colour: value, share } of choices) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "stage-choice";
    button.style.setProperty("--swatch", value);
    button.textContent = `${share} %`;
    button.setAttribute("aria-label", `Make it ${value}, which the model finds ${share} % likely`);
    button.addEventListener("click", () =>
      add({ colour: value, radius: radius(), points: [[x, y]] }, value));
    list.append(button);
  }
  list.hidden = false;
  say(`${choices.length} alternatives`);
}

function show() {
  const value = props.value;
  if (!value || value.failed) { busy.hidden = true; return; }
  if (value.id !== known?.id || value.restore) {
    strokes = value.strokes || [];
    find("alternatives").hidden = true;
    if (!value.restore) setTool("brush");
  }
  known = value;
  find("view").style.setProperty("--ratio", width() / height());
  find("ask").hidden = !value.can_ask;
  stage.classList.toggle("no-hints", !value.takes_hints);
  if (value.alternatives) showAlternatives(value.alternatives);
  if (value.image && !picture.src.endsWith(value.image)) picture.src = value.image;
  else busy.hidden = true;
  draw();
}
watch("value", show);
choose(SWATCHES[0].colour, SWATCHES[0].name);
say("");
show();
