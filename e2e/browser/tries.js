// What the script of a page can try against a server. Each function ends once the browser has an
// answer, and gives back what the page can see of it. origins.py runs them in pages.

const LIMIT = 5000; // ms for an event that may never come

const add = (tag, properties = {}) => {
  const element = Object.assign(document.createElement(tag), properties);
  document.body.append(element);
  return element;
};

// The name of the first of these events. `act` is what leads to it.
const first = (target, names, act) =>
  new Promise((resolve) => {
    for (const name of names) target.addEventListener(name, () => resolve(name), { once: true });
    setTimeout(() => resolve("nothing"), LIMIT);
    act();
  });

const sent = async (url, options) => {
  try {
    const reply = await fetch(url, options);
    return `${reply.type} ${reply.status} ${(await reply.text()).trim()}`;
  } catch {
    return "failed";
  }
};

const asked = async (url, method, body, withCredentials) => {
  const request = new XMLHttpRequest();
  request.open(method, url);
  request.withCredentials = withCredentials;
  await first(request, ["loadend"], () => request.send(body));
  return request.status === 0 ? "failed" : `${request.status} ${request.responseText.trim()}`;
};

// A form in a frame. The frame may never say that it has loaded: whether the form has been sent is
// seen in the log of the server.
const submit = (url, enctype) => {
  const frame = add("iframe", { name: `frame-${document.forms.length}` });
  const form = add("form", { method: "POST", action: url, enctype, target: frame.name });
  form.innerHTML = "<input name=a value=b>";
  form.submit();
};

// Of a page that has no origin: browsers send null.
const inSandbox = (script) =>
  add("iframe", { sandbox: "allow-scripts allow-forms", srcdoc: `<body><script>${script}</` + "script>" });

const inWorker = (script) =>
  new Promise((resolve) => {
    const source = `(async () => { ${script} })().then(postMessage, () => postMessage("failed"));`;
    const worker = new Worker(URL.createObjectURL(new Blob([source])));
    worker.onmessage = (event) => resolve(event.data);
    worker.onerror = () => resolve("failed");
  });

// A page of this origin that leads on to another address, with method and body as they are.
const redirected = (url) => `/redirect?${encodeURIComponent(url)}`;

const JSON_TYPE = { "Content-Type": "application/json" };
const PATH = JSON.stringify({ path: "taken" });

// Each is given the address of a file.
const writes = {
  form: (url) => submit(url, "application/x-www-form-urlencoded"),
  multipartForm: (url) => submit(url, "multipart/form-data"),
  textForm: (url) => submit(url, "text/plain"),
  redirectedForm: (url) => submit(redirected(url), "text/plain"),
  sandboxedForm: (url) =>
    inSandbox(
      `document.body.innerHTML = "<form method=POST enctype=text/plain action='${url}'><input name=a></form>";` +
        "document.forms[0].submit();",
    ),
  post: (url, credentials) => sent(url, { method: "POST", body: "x", credentials }),
  postForm: (url, credentials) => sent(url, { method: "POST", body: new FormData(), credentials }),
  postJson: (url, credentials) => sent(url, { method: "POST", body: "{}", headers: JSON_TYPE, credentials }),
  postToken: (url) => sent(url, { method: "POST", body: "x", headers: { Authorization: "Bearer x" } }),
  postFolder: (url, credentials) => sent(`${url}-folder/`, { method: "POST", credentials }),
  postWithoutReferrer: (url, credentials) =>
    sent(url, { method: "POST", body: "x", referrerPolicy: "no-referrer", credentials }),
  postRedirected: (url, credentials) => sent(redirected(url), { method: "POST", body: "x", credentials }),
  postBlindly: (url, credentials) => sent(url, { method: "POST", body: "x", mode: "no-cors", credentials }),
  postBlindlyAlive: (url, credentials) =>
    sent(url, { method: "POST", body: "x", mode: "no-cors", keepalive: true, credentials }),
  postBlindlyRedirected: (url, credentials) =>
    sent(redirected(url), { method: "POST", body: "x", mode: "no-cors", credentials }),
  postInWorker: (url, credentials) =>
    inWorker(`await fetch("${url}", {method: "POST", body: "x", mode: "no-cors", credentials: "${credentials}"})`),
  put: (url, credentials) => sent(url, { method: "PUT", body: "x", credentials }),
  patch: (url, credentials) => sent(url, { method: "PATCH", body: "x", credentials }),
  remove: (url, credentials) => sent(url, { method: "DELETE", credentials }),
  move: (url, credentials) => sent(`${url}/mv`, { method: "PUT", body: PATH, credentials }),
  copy: (url, credentials) => sent(`${url}/cp`, { method: "PUT", body: PATH, credentials }),
  requestPost: (url, credentials) => asked(url, "POST", "x", credentials === "include"),
  requestPut: (url, credentials) => asked(url, "PUT", "x", credentials === "include"),
  requestDelete: (url, credentials) => asked(url, "DELETE", null, credentials === "include"),
  beacon: (url) => navigator.sendBeacon(url, "x"),
  beaconForm: (url) => navigator.sendBeacon(url, new FormData()),
  beaconJson: (url) => navigator.sendBeacon(url, new Blob(["{}"], { type: "application/json" })),
  ping: (url) => add("a", { href: "#", ping: url }).click(),
  // The last one: the page goes away.
  formOfPage: (url) => {
    const form = add("form", { method: "POST", action: url, enctype: "text/plain" });
    form.innerHTML = "<input name=a value=b>";
    setTimeout(() => form.submit());
  },
};

const ENDS = ["load", "error"];

const element = async (tag, address, url, properties) => {
  const made = Object.assign(document.createElement(tag), properties);
  const name = await first(made, ENDS, () => {
    made[address] = url;
    document.head.append(made);
  });
  return `${name} ${made.naturalWidth ?? ""} ${window.fromStore ?? ""}`.trim();
};

const media = async (tag, url) => {
  const made = Object.assign(document.createElement(tag), { preload: "auto" });
  const name = await first(made, ["loadedmetadata", "error"], () => (made.src = url));
  return `${name} ${made.duration} ${made.error?.code} ${made.error?.message}`;
};

const sheet = async (url, properties) => {
  const name = await element("link", "href", url, { rel: "stylesheet", ...properties });
  return `${name} ${getComputedStyle(document.documentElement).getPropertyValue("--from-store")}`;
};

const events = async (url, withCredentials) => {
  const source = new EventSource(url, { withCredentials });
  const name = await first(source, ["open", "message", "error"], () => {});
  source.close();
  return name;
};

const framed = async (tag, address, url) => {
  const made = document.createElement(tag);
  const name = await first(made, ENDS, () => {
    made[address] = url;
    document.body.append(made);
  });
  // Of a page of another origin: null, and the number of its own frames.
  return `${name} ${made.contentDocument?.body?.innerText} ${made.contentWindow?.length}`;
};

// Each is given the address of anything, and gives the same for whatever is there.
const reads = {
  fetch: (url) => sent(url, {}),
  fetchWithCredentials: (url) => sent(url, { credentials: "include" }),
  fetchRange: (url) => sent(url, { headers: { Range: "bytes=0-1" } }),
  fetchToken: (url) => sent(url, { headers: { Authorization: "Bearer x" } }),
  fetchRedirected: (url) => sent(redirected(url), {}),
  fetchBlindly: (url) => sent(url, { mode: "no-cors" }),
  fetchBlindlyWithCredentials: (url) => sent(url, { mode: "no-cors", credentials: "include" }),
  fetchInWorker: (url) => inWorker(`return await (await fetch("${url}")).text()`),
  head: (url) => sent(url, { method: "HEAD" }),
  request: (url) => asked(url, "GET", null, false),
  requestWithCredentials: (url) => asked(url, "GET", null, true),
  image: (url) => element("img", "src", url),
  imageWithCors: (url) => element("img", "src", url, { crossOrigin: "anonymous" }),
  imageWithCredentials: (url) => element("img", "src", url, { crossOrigin: "use-credentials" }),
  script: (url) => element("script", "src", url),
  scriptWithCors: (url) => element("script", "src", url, { crossOrigin: "anonymous" }),
  module: (url) => element("script", "src", url, { type: "module" }),
  scriptInWorker: (url) => inWorker(`importScripts("${url}"); return "run"`),
  style: (url) => sheet(url),
  styleWithCors: (url) => sheet(url, { crossOrigin: "anonymous" }),
  prefetch: (url) => element("link", "href", url, { rel: "prefetch" }),
  preload: (url) => element("link", "href", url, { rel: "preload", as: "image" }),
  video: (url) => media("video", url),
  audio: (url) => media("audio", url),
  font: (url) => new FontFace("stored", `url("${url}")`).load().then(() => "loaded", (error) => error.name),
  frame: (url) => framed("iframe", "src", url),
  object: (url) => framed("object", "data", url),
  embed: (url) => framed("embed", "src", url),
  events: (url) => events(url, false),
  eventsWithCredentials: (url) => events(url, true),
};

// What a try to read sees of each address, and what the browser tells of the request besides
// (Resource Timing).
const seeAll = async (name, urls) => {
  const all = [];
  for (const url of urls) {
    performance.clearResourceTimings();
    const seen = await reads[name](url);
    const told = performance.getEntriesByName(url).map((it) => [
      it.transferSize, it.encodedBodySize, it.decodedBodySize, it.responseStatus,
    ]);
    all.push(`${seen} ${told.join(" ")}`);
  }
  return all;
};

// A request of a page that may make it: status, some fields, text.
const SHOWN = ["Allow", "Content-Range", "ETag", "X-Request-Id"];
const use = async (url, method, headers, body) => {
  const reply = await fetch(url, { method, headers, body });
  const shown = SHOWN.map((name) => [name, reply.headers.get(name)]);
  return [reply.status, Object.fromEntries(shown), (await reply.text()).trim()];
};
