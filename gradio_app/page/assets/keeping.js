// What this browser keeps of the open photograph: the file as it was given, and the strokes. A server
// that was started anew knows neither; the page then gives it both again. They are kept in the
// browser's own database until the photograph is closed, a day at most.
window.photochrom = (() => {
  const KEPT_MS = 24 * 3600 * 1000;
  const PHOTOGRAPHS = "photographs", STROKES = "strokes";
  // Of the tab's storage: the id of the picture that it has open; whether a person painted on it when
  // the page was left.
  const OPEN = "photochrom", PAINTING = "photochrom-painting";
  const RESTARTED = "photochrom was started anew.";
  let given = null; // the file that was given last; it may not be a picture
  let carried = null; // strokes for the next picture that is opened
  let isToPaint = false; // whether that one is to be painted on
  let server = null, isReturning = false;

  const database = new Promise((done, failed) => {
    const request = indexedDB.open("photochrom", 1);
    request.onupgradeneeded = () => {
      for (const name of [PHOTOGRAPHS, STROKES]) request.result.createObjectStore(name);
    };
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });

  // One request to the database; undefined where the browser keeps nothing (private windows).
  async function ask(store, mode, request) {
    try {
      const objects = (await database).transaction(store, mode).objectStore(store);
      return await new Promise((done, failed) => {
        const asked = request(objects);
        asked.onsuccess = () => done(asked.result);
        asked.onerror = () => failed(asked.error);
      });
    } catch { return undefined; }
  }
  const read = (store, id) => ask(store, "readonly", (objects) => objects.get(id));
  const put = (store, id, value) =>
    ask(store, "readwrite", (objects) => objects.put({ value, at: Date.now() }, id));
  const remove = (id) =>
    Promise.all([PHOTOGRAPHS, STROKES].map((store) => ask(store, "readwrite", (objects) => objects.delete(id))));

  async function removeOld() {
    for (const id of (await ask(PHOTOGRAPHS, "readonly", (objects) => objects.getAllKeys())) || []) {
      const kept = await read(PHOTOGRAPHS, id);
      if (kept && Date.now() - kept.at > KEPT_MS) await remove(id);
    }
  }

  function tell(text) {
    let note = document.querySelector("#notice");
    if (!note) {
      note = Object.assign(document.createElement("div"), { id: "notice", role: "status" });
      document.body.append(note);
    }
    note.textContent = text;
    clearTimeout(tell.timer);
    tell.timer = setTimeout(() => note.remove(), 15_000);
  }

  const lastId = () => sessionStorage.getItem(OPEN) || "";
  const remember = (id) => sessionStorage.setItem(OPEN, id);

  async function bringBack(id, wasPainting) {
    if (isReturning) return;
    isReturning = true;
    const [photograph, strokes] = await Promise.all([read(PHOTOGRAPHS, id), read(STROKES, id)]);
    if (photograph) {
      tell(`${RESTARTED} Your photograph is opened again${strokes?.value.length ? ", with its strokes" : ""}.`);
      carried = strokes?.value || null;
      isToPaint = wasPainting;
      giveOne(photograph.value);
    } else {
      tell(`${RESTARTED} Choose your photograph again.`);
      putAway();
    }
    isReturning = false;
  }

  // The tab of the painting area comes a moment after the picture.
  function goPainting(tries = 100) {
    if (!isThere("paint")) tabOf("paint")?.click();
    if (!isThere("paint") && tries) setTimeout(goPainting, 50, tries - 1);
  }

  addEventListener("pagehide", () => sessionStorage.setItem(PAINTING, isThere("paint") ? "yes" : ""));

  // Who works without a mouse goes on at what came in place of what they used.
  function goOnAt(selector, tries = 40) {
    if (document.activeElement && document.activeElement !== document.body) return;
    const part = document.querySelector(selector);
    if (part?.tabIndex === 0) part.focus({ preventScroll: true });
    else if (tries) setTimeout(goOnAt, 50, selector, tries - 1);
  }

  removeOld();
  return {
    lastId,
    tell,
    giving(file) { given = file; },
    // The page has the picture of that name open; '' or the former name where that failed.
    async opened(id) {
      const former = lastId(), file = given;
      given = null;
      if (!id || id === former) return;
      if (isToPaint) goPainting();
      else goOnAt('#before-after [data-testid="slider"]');
      isToPaint = false;
      remember(id);
      if (former) remove(former);
      if (file) await put(PHOTOGRAPHS, id, file);
    },
    // After a reload the server gives the picture a new name, or has forgotten it.
    async restored(id) {
      const former = lastId();
      if (!former || id === former) return;
      if (!id) {
        sessionStorage.removeItem(OPEN);
        return bringBack(former, sessionStorage.getItem(PAINTING) === "yes");
      }
      remember(id);
      for (const store of [PHOTOGRAPHS, STROKES]) {
        const kept = await read(store, former);
        if (kept) await put(store, id, kept.value);
        if (store === STROKES && kept) carried = kept.value; // some were painted without a connection
      }
      dispatchEvent(new Event("photochrom-strokes"));
      if (sessionStorage.getItem(PAINTING) === "yes") goPainting();
    },
    closed() {
      goOnAt("#drop button");
      remove(lastId());
      sessionStorage.removeItem(OPEN);
    },
    keepStrokes(id, strokes) { put(STROKES, id, strokes); },
    takeStrokes() {
      const strokes = carried;
      carried = null;
      return strokes;
    },
    // An answer of the server, which says which run of it this is.
    heard(answer) {
      if (answer.status === 401) return tell(`${RESTARTED} Reload this page and give its token.`);
      const name = answer.headers.get("X-Photochrom-Server");
      if (!name) return;
      const isOther = server && server !== name;
      server = name;
      if (!isOther) return;
      if (lastId()) bringBack(lastId(), isThere("paint"));
      else tell(RESTARTED);
    },
    // How far an upload is, 0 to 1; null when it has ended.
    sent(share) {
      let bar = document.querySelector("#sending");
      if (share === null) return bar?.remove();
      if (!bar) {
        bar = Object.assign(document.createElement("div"), { id: "sending", role: "status" });
        bar.innerHTML = '<span></span><progress max="1"></progress>';
        document.body.append(bar);
      }
      bar.firstChild.textContent = share < 1 ? `Sending ${Math.floor(share * 100)} %` : "Sent; opening";
      bar.lastChild.value = share;
    },
  };
})();
