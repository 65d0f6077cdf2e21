// The OpenAI SDK for Node, as people use it, against a running sluice. Prints one line a test;
// tests/e2e/run starts everything and adds up.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// The SDK is installed in the build directory, not beside this file.
const require = createRequire(pathToFileURL(process.env.E2E_NODE_MODULES + "/"));
const { default: OpenAI } = await import(pathToFileURL(require.resolve("openai")));

const gateway = process.env.E2E_GATEWAY;
const trialBase = process.env.E2E_TRIAL;
const journalUrl = process.env.E2E_UPSTREAM + "/journal";
const key = "sk-e2e-key-of-the-sdk-tests";
const providerKey = "sk-upstream-main-0001";

const tests = [];
const test = (name, fn) => tests.push({ name, fn });
const sent = []; // bodies the SDK put on the wire towards the scripted gateway

const recording = (url, init) => {
  sent.push(Buffer.from(init?.body ?? ""));
  return fetch(url, init);
};
const client = (options = {}) =>
  new OpenAI({ apiKey: key, baseURL: gateway, maxRetries: 0, fetch: recording, ...options });
const trial = (options = {}) =>
  new OpenAI({ apiKey: "sk-sluice-trial", baseURL: trialBase, maxRetries: 0, ...options });

const lastUpstream = async () => {
  const entry = (await (await fetch(journalUrl)).json()).at(-1);
  entry.bytes = Buffer.from(entry.body, "base64");
  entry.fields = Object.fromEntries(entry.headers);
  return entry;
};
const lastSent = () => sent.at(-1).toString();
const rejects = async (kind, call) => {
  try {
    await call();
  } catch (error) {
    assert.equal(error.constructor.name, kind.name, `${error}`);
    return error;
  }
  assert.fail(`no ${kind.name}`);
};
const until = async (what) => {
  const deadline = Date.now() + 10_000;
  while (!(await what())) {
    assert.ok(Date.now() < deadline, "it did not happen");
    await new Promise((done) => setTimeout(done, 20));
  }
};

const messages = [{ role: "user", content: "Say héllo ✓" }];
const tools = ["get_weather", "get_time"].map((name) => ({
  type: "function",
  function: { name, parameters: { type: "object", properties: { city: { type: "string" } } } },
}));
const image = "data:image/png;base64,iVBORw0KGgo=";

// --- the scripted upstream -----------------------------------------------------------------------

test("chat is byte-equal both ways", async () => {
  const { data, response } = await client()
    .chat.completions.create({ model: "m-plain", messages })
    .withResponse();
  assert.equal(data.choices[0].message.content, "café ✓");
  assert.deepEqual(data.x_unknown, { kept: [1, 2.5, "three"] });
  assert.equal(response.headers.get("x-sluice-provider"), "up");
  assert.ok(response.headers.get("x-sluice-request-id"));
  const entry = await lastUpstream();
  assert.equal(entry.bytes.toString(), lastSent());
  assert.equal(entry.fields.authorization, `Bearer ${providerKey}`);
  assert.equal(entry.fields["accept-encoding"], "identity");
  assert.ok(!JSON.stringify(entry.headers).includes(key));
});

test("the organisation and project of the caller stay here", async () => {
  await client({ organization: "org-mine", project: "proj-mine" }).chat.completions.create({
    model: "m-plain",
    messages,
  });
  const entry = await lastUpstream();
  assert.ok(!JSON.stringify(entry.headers).includes("-mine"), JSON.stringify(entry.headers));
});

test("an alias changes the model and nothing else", async () => {
  await client().chat.completions.create({ model: "alias", messages, temperature: 0.25 });
  const entry = await lastUpstream();
  assert.equal(entry.bytes.toString(), lastSent().replace('"alias"', '"m-aliased"'));
});

test("a stream arrives and its hidden usage does not", async () => {
  const stream = await client().chat.completions.create({ model: "m-plain", messages, stream: true });
  let text = "";
  let finish = null;
  for await (const chunk of stream) {
    assert.ok(!chunk.usage);
    text += chunk.choices[0].delta.content ?? "";
    finish = chunk.choices[0].finish_reason ?? finish;
  }
  assert.equal(text, "onetwothree");
  assert.equal(finish, "stop");
  const { stream_options, ...rest } = JSON.parse((await lastUpstream()).bytes);
  assert.deepEqual(stream_options, { include_usage: true });
  assert.deepEqual(rest, JSON.parse(lastSent()));
});

test("a stream with usage reports it", async () => {
  const stream = await client().chat.completions.create({
    model: "m-plain",
    messages,
    stream: true,
    stream_options: { include_usage: true },
  });
  let last;
  for await (const chunk of stream) last = chunk;
  assert.equal(last.usage.total_tokens, 26);
  assert.deepEqual(last.choices, []);
  assert.equal((await lastUpstream()).bytes.toString(), lastSent());
});

test("tools are called", async () => {
  const answer = await client().chat.completions.create({ model: "m-tools", messages, tools });
  const calls = answer.choices[0].message.tool_calls;
  assert.deepEqual(calls.map((call) => call.function.name), ["get_weather", "get_time"]);
  assert.equal((await lastUpstream()).bytes.toString(), lastSent());
});

test("streamed tool calls come together", async () => {
  const runner = client().chat.completions.stream({ model: "m-tools", messages, tools });
  const final = await runner.finalChatCompletion();
  const calls = final.choices[0].message.tool_calls;
  assert.equal(calls[0].function.arguments, '{"city":"Paris"}');
  assert.equal(calls[1].function.arguments, "{}");
});

test("an image passes", async () => {
  const content = [
    { type: "text", text: "what is it?" },
    { type: "image_url", image_url: { url: image, detail: "low" } },
  ];
  await client().chat.completions.create({ model: "m-plain", messages: [{ role: "user", content }] });
  assert.equal((await lastUpstream()).bytes.toString(), lastSent());
});

test("structured output is parsed", async () => {
  const schema = {
    type: "object",
    properties: { city: { type: "string" }, people: { type: "integer" } },
    required: ["city", "people"],
    additionalProperties: false,
  };
  const answer = await client().chat.completions.create({
    model: "m-structured",
    messages,
    response_format: { type: "json_schema", json_schema: { name: "town", schema, strict: true } },
  });
  assert.deepEqual(JSON.parse(answer.choices[0].message.content), { city: "Paris", people: 2100000 });
  assert.equal((await lastUpstream()).bytes.toString(), lastSent());
});

test("embeddings use the SDK's default of base64", async () => {
  const answer = await client().embeddings.create({ model: "embed", input: ["a", "b"] });
  assert.deepEqual(Array.from(answer.data[0].embedding), [0.25, -1.5, 3]);
  const entry = await lastUpstream();
  assert.equal(JSON.parse(entry.bytes).encoding_format, "base64");
  assert.equal(entry.bytes.toString(), lastSent().replace('"embed"', '"m-embed"'));
});

test("models are listed and found", async () => {
  const names = [];
  for await (const model of client().models.list()) names.push(model.id);
  assert.ok(names.includes("alias") && names.includes("embed"), `${names}`);
  assert.equal((await client().models.retrieve("alias")).id, "alias");
});

test("a wrong key is an authentication error", async () => {
  const error = await rejects(OpenAI.AuthenticationError, () =>
    client({ apiKey: "sk-wrong" }).chat.completions.create({ model: "m-plain", messages }),
  );
  assert.equal(error.code, "invalid_api_key");
  assert.ok(!`${error}`.includes("sk-wrong"));
});

test("an unknown model is not found", async () => {
  const error = await rejects(OpenAI.NotFoundError, () =>
    client().chat.completions.create({ model: "nobody-knows", messages }),
  );
  assert.equal(error.code, "model_not_found");
});

for (const [status, kind] of [
  [400, OpenAI.BadRequestError],
  [404, OpenAI.NotFoundError],
  [409, OpenAI.ConflictError],
  [422, OpenAI.UnprocessableEntityError],
  [500, OpenAI.InternalServerError],
]) {
  test(`a provider's ${status} is a ${kind.name}`, async () => {
    const error = await rejects(kind, () =>
      client().chat.completions.create({ model: `status-${status}`, messages }),
    );
    if (status < 500) assert.equal(error.status, status);
    assert.equal(error.headers.get("x-sluice-error-origin"), "upstream");
  });
}

test("a rate limited provider is a rate limit error", async () => {
  await rejects(OpenAI.RateLimitError, () =>
    client().chat.completions.create({ model: "limited-node", messages }),
  );
});

test("an error in the stream is raised", async () => {
  const stream = await client().chat.completions.create({ model: "m-breaks", messages, stream: true });
  let seen = 0;
  const error = await rejects(OpenAI.APIError, async () => {
    for await (const chunk of stream) seen += chunk.choices.length;
  });
  assert.ok(`${error.message}`.includes("broke") && seen >= 4, `${error} after ${seen}`);
});

test("abort mid-stream closes the upstream", async () => {
  const stream = await client().chat.completions.create({ model: "m-endless", messages, stream: true });
  let seen = 0;
  for await (const _ of stream) {
    if (++seen === 5) stream.controller.abort();
  }
  await until(async () => (await lastUpstream()).client_closed);
});

test("a timeout of the SDK closes the upstream", async () => {
  await rejects(OpenAI.APIConnectionTimeoutError, () =>
    client({ timeout: 500 }).chat.completions.create({ model: "m-silent", messages }),
  );
  await until(async () => (await lastUpstream()).client_closed);
});

// --- as shipped: the mock ------------------------------------------------------------------------

test("trial chat says it is a mock", async () => {
  const { data, response } = await trial()
    .chat.completions.create({ model: "gpt-4o-mini", messages })
    .withResponse();
  assert.ok(data.choices[0].message.content.startsWith("[sluice mock]"));
  assert.equal(response.headers.get("x-sluice-mock"), "1");
});

test("trial stream", async () => {
  const stream = await trial().chat.completions.create({ model: "gpt-4o-mini", messages, stream: true });
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
  assert.ok(text.startsWith("[sluice mock]"), text);
});

test("trial tools", async () => {
  const answer = await trial().chat.completions.create({ model: "gpt-4o-mini", messages, tools });
  assert.equal(answer.choices[0].message.tool_calls[0].function.name, "get_weather");
});

test("trial embeddings", async () => {
  const answer = await trial().embeddings.create({ model: "text-embedding-3-small", input: "a" });
  assert.ok(answer.data[0].embedding.length > 0);
});

let failed = 0;
for (const { name, fn } of tests) {
  try {
    await fn();
    console.log(`ok node: ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL node: ${name}\n${error.stack}`);
  }
}
console.log(`requests ${sent.length}`);
process.exit(failed === 0 ? 0 : 1);
