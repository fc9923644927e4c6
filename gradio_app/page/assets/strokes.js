// The strokes on a picture, in pixels of the full picture, and what was there before each change.
// A stroke is { colour: "#rrggbb", radius, points: [[x, y], ...] } and never changed once painted.

function makeHistory() {
  let past = [], strokes = [], future = [];
  const step = (from, to) => {
    if (!from.length) return false;
    to.push(strokes);
    strokes = from.pop();
    return true;
  };
  return {
    get strokes() { return strokes; },
    get canUndo() { return past.length > 0; },
    get canRedo() { return future.length > 0; },
    // Strokes that were painted before this page knew of them: each can be undone.
    begin(found) {
      past = found.map((_, i) => found.slice(0, i));
      strokes = found;
      future = [];
    },
    change(next) {
      past.push(strokes);
      strokes = next;
      future = [];
    },
    undo: () => step(past, future),
    redo: () => step(future, past),
  };
}

// Whether a disc around a point touches a stroke.
function touches(stroke, [x, y], radius) {
  const reach = radius + stroke.radius;
  return stroke.points.some(([bx, by], i) => {
    const [ax, ay] = stroke.points[Math.max(i - 1, 0)];
    const length = (bx - ax) ** 2 + (by - ay) ** 2;
    const along = length ? Math.min(Math.max(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length, 0), 1) : 0;
    return Math.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay)) < reach;
  });
}
