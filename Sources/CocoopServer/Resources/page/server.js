// What the page asks of the server that it came from.

let token = null;

export function useToken(text) {
  token = text;
}

/** The answer as an object; an error has a message for people, the API's code, and seconds to wait where it says so. */
export async function request(path, options = {}) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server cannot be reached.");
  }
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) return answer;
  const error = new Error(answer?.error?.message ?? `The server answered ${response.status}.`);
  if (response.status === 401) {
    error.message = token ? "The server does not take this token." : "This server asks for a token.";
    error.asksForToken = true;
  }
  error.code = answer?.error?.code;
  error.retryAfter = Number(response.headers.get("Retry-After")) || 0;
  throw error;
}

/** The likeliest of the classes for one photo, by "run" or "zero-shot". */
export async function classify(photo, { classes, model, mode, top, signal }) {
  const form = new FormData();
  form.append("model", model);
  form.append("mode", mode);
  form.append("top", String(Math.min(top, classes.length)));
  form.append("classes", classes.join(","));
  form.append("image", photo, "photo");
  return request("/v1/classify", { method: "POST", body: form, signal });
}
