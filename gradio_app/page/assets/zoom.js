// Which part of the picture the painting area shows. `left` and `top` say where the picture's corner
// lies, in pixels of the screen from the area's own; both are 0 or less, so that no border shows.

const MOST_ZOOM = 12;

function makeZoom(area) {
  const zoom = { factor: 1, left: 0, top: 0 };

  function put(factor, left, top) {
    const inside = (at, extent) => Math.min(Math.max(at, extent - extent * factor), 0);
    zoom.factor = factor;
    zoom.left = inside(left, area.clientWidth);
    zoom.top = inside(top, area.clientHeight);
  }

  return {
    get factor() { return zoom.factor; },
    get left() { return zoom.left; },
    get top() { return zoom.top; },
    whole: () => put(1, 0, 0),
    pan: (x, y) => put(zoom.factor, zoom.left + x, zoom.top + y),
    // What lies under the point [x, y] of the area stays there.
    by(change, [x, y]) {
      const factor = Math.min(Math.max(zoom.factor * change, 1), MOST_ZOOM);
      const ratio = factor / zoom.factor;
      put(factor, x - (x - zoom.left) * ratio, y - (y - zoom.top) * ratio);
    },
    // Moves as little as is needed for the point [x, y] of the area to be seen.
    reveal([x, y]) {
      const beyond = (at, extent) => Math.min(Math.max(0, -at), extent) || Math.min(0, extent - at);
      put(zoom.factor, zoom.left + beyond(x, area.clientWidth), zoom.top + beyond(y, area.clientHeight));
    },
  };
}
