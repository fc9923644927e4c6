// Gradio's server ends a session's stream of answers when none is due, and its browser's half takes
// the stream for open until it has read that. What a person asks for in between is never answered:
// a button that does nothing, a stroke that stays "colouring". Here the end is kept from Gradio
// while anything that was asked for is unanswered, and the stream is fetched anew instead.
{
  const fetched = window.fetch.bind(window);
  const unanswered = new Set(), early = new Set(); // ids; early: answered before they were known
  let asking = 0; // requests whose event's id is not known yet
  let settled = Promise.resolve();

  async function join(request) {
    asking += 1;
    const known = (async () => {
      const answer = await request;
      window.photochrom.heard(answer);
      const id = answer.ok && (await answer.clone().json()).event_id;
      if (id && !early.delete(id)) unanswered.add(id);
      return answer;
    })();
    const done = known.catch(() => {}).then(() => { asking -= 1; });
    settled = Promise.all([settled, done]);
    await done;
    return known;
  }

  function forget() {
    unanswered.clear();
    early.clear();
  }

  // What is to be passed on of a stream's text up to an empty line; "" keeps Gradio from the end.
  function passed(text) {
    const message = text.startsWith("data:") ? JSON.parse(text.slice(5)) : {};
    if (message.msg === "process_completed" && !unanswered.delete(message.event_id))
      early.add(message.event_id);
    if (message.msg === "unexpected_error") forget();
    return message.msg === "close_stream" && (asking || unanswered.size) ? "" : text + "\n\n";
  }

  async function* texts(first, again) {
    for (let answer = first; ; answer = await again()) {
      let left = "", kept = false;
      for (const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader(); ;) {
        const { value, done } = await reader.read();
        if (done) break;
        const parts = (left + value).split("\n\n");
        left = parts.pop();
        for (const part of parts) {
          const text = passed(part);
          kept ||= !text;
          if (text) yield text;
        }
      }
      if (!kept) return forget();
      await settled; // a request that failed leaves nothing to wait for
      if (!unanswered.size) return yield 'data: {"msg": "close_stream"}\n\n';
    }
  }

  async function lasting(resource, settings) {
    const again = () => fetched(resource instanceof Request ? resource.clone() : resource, settings);
    const first = await again();
    if (!first.ok || !first.body) return first;
    const text = texts(first, again);
    const body = new ReadableStream({
      async pull(out) {
        const { value, done } = await text.next().catch((error) => { forget(); throw error; });
        if (done) out.close();
        else out.enqueue(value);
      },
      cancel: () => void text.return(),
    });
    const { status, headers } = first;
    return new Response(body.pipeThrough(new TextEncoderStream()), { status, headers });
  }

  // An upload that tells how far it is; fetch cannot.
  function send(address, { body, headers }) {
    const sending = new XMLHttpRequest();
    return new Promise((done, failed) => {
      const end = (settle, value) => { window.photochrom.sent(null); settle(value); };
      sending.upload.onprogress = ({ loaded, total }) => window.photochrom.sent(loaded / (total || 1));
      sending.onload = () =>
        end(done, new Response(sending.response, { status: sending.status, statusText: sending.statusText }));
      sending.onerror = sending.onabort = () => end(failed, new TypeError("the upload broke off"));
      sending.open("POST", address);
      for (const [name, value] of Object.entries(headers || {})) sending.setRequestHeader(name, value);
      sending.responseType = "blob";
      window.photochrom.sent(0);
      sending.send(body);
    });
  }

  window.fetch = (resource, settings) => {
    const { pathname } = new URL(resource instanceof Request ? resource.url : resource, location.href);
    if (pathname.endsWith("/queue/join")) return join(fetched(resource, settings));
    if (pathname.endsWith("/queue/data")) return lasting(resource, settings);
    if (pathname.endsWith("/gradio_api/upload")) return send(resource, settings);
    return fetched(resource, settings);
  };
}
