// Both Node SDKs on scripted providers of both dialects, through a running sluice: what the SDK returned, and what the
// provider received. Prints one line a test; tests/e2e/run starts everything and adds up.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";

const require = createRequire(process.env.E2E_NODE_MODULES + "/");
const Anthropic = require("@anthropic-ai/sdk").default;
const OpenAI = require("openai").default;

const base = process.env.E2E_PAIRS;
const upstream = process.env.E2E_PAIRS_UPSTREAM;
const apiKey = "sk-e2e-key-of-the-sdk-tests";
const claude = new Anthropic({ baseURL: base, apiKey, maxRetries: 0 });
const gpt = new OpenAI({ baseURL: base + "/v1", apiKey, maxRetries: 0 });
const user = [{ role: "user", content: 'Hé "you"\n✓' }];
const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const closedSchema = { ...schema, additionalProperties: false };
const png = Buffer.from("\x89PNG and more", "latin1").toString("base64");
const cache = { type: "ephemeral", ttl: "1h" };
const claudeTools = [
  { name: "get_weather", description: "The weather", input_schema: schema },
  { name: "get_time", input_schema: { type: "object", properties: {} } },
];
const gptTools = claudeTools.map(({ name, description, input_schema }) => ({
  type: "function",
  function: { name, description, parameters: input_schema },
}));

const fetchJson = async (path) => (await fetch(upstream + path)).json();
const script = await fetchJson("/script");
const modelOf = (side, scenario) => `${side}-${scenario}.${randomUUID().slice(0, 8)}`;
const journal = (model) => fetchJson(`/journal?model=${model}`);
const textOf = (scenario) => script.texts[scenario].join("");

async function received(model, index = -1) {
  const entry = (await journal(model)).at(index);
  assert.equal(entry.refused, null);
  return entry.body;
}

async function closed(model) {
  const ends = Date.now() + 10_000;
  while (Date.now() < ends) {
    if ((await journal(model)).at(-1)?.closed) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail("the provider's stream was not ended");
}

async function raised(kind, call) {
  try {
    await call();
  } catch (error) {
    assert.equal(error.constructor.name, kind.name, error.message);
    return error;
  }
  assert.fail(`${kind.name} was not raised`);
}

const claudeWhole = (model, messages = user, more = {}) =>
  claude.messages.create({ model, max_tokens: 4000, messages, ...more });
const claudeStreamed = (model, messages = user, more = {}) =>
  claude.messages.stream({ model, max_tokens: 4000, messages, ...more }).finalMessage();
const gptWhole = (model, messages = user, more = {}) =>
  gpt.chat.completions.create({ model, messages, ...more });

// The message that the chunks make, extensions included.
async function gptStreamed(model, messages = user, more = {}) {
  const settings = { stream: true, stream_options: { include_usage: true }, ...more };
  const message = { role: "assistant", content: "", reasoning_content: "", reasoning_details: [] };
  const calls = [];
  let finish_reason, usage;
  for await (const chunk of await gpt.chat.completions.create({ model, messages, ...settings })) {
    usage = chunk.usage ?? usage;
    for (const { delta, finish_reason: finish } of chunk.choices) {
      message.content += delta.content ?? "";
      message.reasoning_content += delta.reasoning_content ?? "";
      message.reasoning_details.push(...(delta.reasoning_details ?? []));
      for (const call of delta.tool_calls ?? []) {
        if (call.index === calls.length) calls.push({ id: call.id, type: "function", function: call.function });
        else calls[call.index].function.arguments += call.function.arguments;
      }
      finish_reason = finish ?? finish_reason;
    }
  }
  message.content ||= null;
  if (calls.length) message.tool_calls = calls;
  if (!message.reasoning_details.length) delete message.reasoning_details;
  if (!message.reasoning_content) delete message.reasoning_content;
  return { choices: [{ message, finish_reason }], usage };
}

function checkClaudeUsage(usage) {
  assert.deepEqual(
    [usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens, usage.output_tokens],
    [script.usage.input, script.usage.cache_read, script.usage.cache_write, script.usage.output],
  );
}

function checkGptUsage(usage) {
  const { input, cache_read, cache_write, output } = script.usage;
  assert.equal(usage.prompt_tokens, input + cache_read + cache_write);
  assert.equal(usage.prompt_tokens_details.cached_tokens, cache_read);
  assert.equal(usage.completion_tokens, output);
}

const callsOf = (content) =>
  content.filter((b) => b.type === "tool_use").map(({ id, name, input }) => ({ id, name, input }));
const gptCallsOf = (message) =>
  (message.tool_calls ?? []).map((c) => ({
    id: c.id,
    name: c.function.name,
    input: JSON.parse(c.function.arguments),
  }));

const tests = [];
const test = (name, fn) => {
  for (const side of ["claude", "gpt"]) tests.push({ name: `${name} on ${side}`, run: () => fn(side) });
};

for (const [how, ask] of [["whole", claudeWhole], ["stream", claudeStreamed]]) {
  test(`claude ${how}`, async (side) => {
    const model = modelOf(side, "chat");
    const answer = await ask(model, user, { system: "Be brief" });
    assert.equal(answer.content[0].text, textOf("chat"));
    assert.equal(answer.stop_reason, "end_turn");
    checkClaudeUsage(answer.usage);
    const got = await received(model);
    if (side === "claude") assert.equal(got.system, "Be brief");
    else assert.deepEqual(got.messages, [{ role: "system", content: "Be brief" }, ...user]);
  });

  test(`claude parallel tools ${how}`, async (side) => {
    const model = modelOf(side, "tools");
    const answer = await ask(model, user, { tools: claudeTools });
    assert.deepEqual(callsOf(answer.content), callsOf(script.parallel));
    assert.equal(answer.stop_reason, "tool_use");
    const results = callsOf(answer.content).map(({ id }) => ({ type: "tool_result", tool_use_id: id, content: id }));
    const turns = [...user, { role: "assistant", content: answer.content }, { role: "user", content: results }];
    assert.equal((await ask(model, turns, { tools: claudeTools })).content[0].text, "done");
  });

  test(`claude tool loop with thinking ${how}`, async (side) => {
    const model = modelOf(side, "loop");
    const thinking = { type: "enabled", budget_tokens: 2000 };
    const turns = [...user];
    for (const wanted of script.loop) {
      const answer = await ask(model, turns, { tools: claudeTools, thinking });
      assert.deepEqual(callsOf(answer.content), callsOf(wanted));
      if (side === "claude") assert.deepEqual(answer.content, wanted);
      turns.push({ role: "assistant", content: answer.content });
      const results = callsOf(answer.content).map(({ id }) => ({ type: "tool_result", tool_use_id: id, content: id }));
      turns.push({ role: "user", content: results.length ? results : "Thanks" });
    }
    await ask(model, turns, { tools: claudeTools, thinking });
    assert.equal((await journal(model)).length, 4); // judged by the provider: none was refused
    await received(model);
  });
}

test("claude images", async (side) => {
  const model = modelOf(side, "images");
  const source = { type: "base64", media_type: "image/png", data: png };
  const content = [{ type: "image", source }, { type: "text", text: "What?" }];
  const answer = await claudeWhole(model, [{ role: "user", content }]);
  assert.equal(answer.content[0].text, "two pictures");
  const got = (await received(model)).messages[0].content;
  if (side === "claude") assert.deepEqual(got, content);
  else assert.equal(got[0].image_url.url, `data:image/png;base64,${png}`);
});

test("claude structured", async (side) => {
  const model = modelOf(side, "structured");
  const format = { type: "json_schema", schema: closedSchema };
  const answer = await claudeWhole(model, user, { output_config: { format } });
  assert.deepEqual(JSON.parse(answer.content[0].text), { city: "Paris", people: 2100000 });
  const got = await received(model);
  const schema = side === "claude" ? got.output_config.format.schema : got.response_format.json_schema.schema;
  assert.deepEqual(schema, closedSchema);
});

test("claude prompt caching", async (side) => {
  const model = modelOf(side, "cache");
  const system = [{ type: "text", text: "long", cache_control: cache }];
  const { data, response } = await claude.messages
    .create({ model, max_tokens: 9, system, messages: user })
    .withResponse();
  checkClaudeUsage(data.usage);
  const got = await received(model);
  if (side === "claude") assert.deepEqual(got.system, system);
  else assert.equal(response.headers.get("x-sluice-losses"), "cache_control");
});

test("claude betas", async (side) => {
  const model = modelOf(side, "chat");
  const betas = ["future-thing-2027-01-01", "context-management-2025-06-27"];
  const future_setting = { kept: [1, 2.5] };
  const settings = { model, max_tokens: 9, messages: user, betas, future_setting };
  assert.equal((await claude.beta.messages.create(settings)).content[0].text, textOf("chat"));
  const { query, headers, body } = (await journal(model)).at(-1);
  if (side === "gpt") return assert.deepEqual([query, headers["anthropic-beta"], body.future_setting], ["", undefined, undefined]);
  assert.equal(query, "beta=true");
  assert.deepEqual(headers["anthropic-beta"].split(","), betas);
  assert.deepEqual(body.future_setting, future_setting);
});

test("claude abort", async (side) => {
  const model = modelOf(side, "endless");
  const stream = claude.messages.stream({ model, max_tokens: 9, messages: user });
  for await (const event of stream) {
    if (event.type === "content_block_delta") break;
  }
  stream.abort();
  await closed(model);
});

test("claude errors", async (side) => {
  const table = [
    [400, Anthropic.BadRequestError, "invalid_request_error"],
    [404, Anthropic.NotFoundError, "not_found_error"],
    [413, Anthropic.APIError, "request_too_large"],
    [422, Anthropic.UnprocessableEntityError, "invalid_request_error"],
    [429, Anthropic.RateLimitError, "rate_limit_error"],
    [500, Anthropic.InternalServerError, "api_error"],
    [503, Anthropic.InternalServerError, "overloaded_error"],
    [529, Anthropic.InternalServerError, "overloaded_error"],
  ];
  for (const [status, kind, word] of table) {
    if (status === 529 && side === "gpt") continue; // that API has no such status
    for (const ask of [claudeWhole, claudeStreamed]) {
      const error = await raised(kind, () => ask(modelOf(side, `status.${status}`)));
      assert.equal(error.error.error.type, word);
      assert.ok(error.requestID ?? error.request_id, "no request id");
    }
  }
  const wrong = new Anthropic({ baseURL: base, apiKey: "sk-ant-wrong", maxRetries: 0 });
  const ask = (client, model) => client.messages.create({ model, max_tokens: 9, messages: user });
  await raised(Anthropic.AuthenticationError, () => ask(wrong, modelOf(side, "chat")));
  const afar = new Anthropic({ baseURL: base, apiKey: "sk-e2e-key-of-another-place", maxRetries: 0 });
  await raised(Anthropic.PermissionDeniedError, () => ask(afar, modelOf(side, "chat")));
});

test("claude breaks in mid-stream", async (side) => {
  for (const scenario of ["breaks", "cut"]) {
    let text = "";
    const stream = claude.messages.stream({ model: modelOf(side, scenario), max_tokens: 9, messages: user });
    stream.on("text", (piece) => (text += piece));
    const error = await stream.finalMessage().then(
      () => assert.fail("a broken stream ended as if it were whole"),
      (error) => error,
    );
    assert.ok(error instanceof Anthropic.APIError, String(error));
    assert.equal(text.startsWith("one "), true);
  }
});

for (const [how, ask] of [["whole", gptWhole], ["stream", gptStreamed]]) {
  test(`gpt ${how}`, async (side) => {
    const model = modelOf(side, "chat");
    const answer = await ask(model, [{ role: "developer", content: "Be brief" }, ...user]);
    assert.equal(answer.choices[0].message.content, textOf("chat"));
    assert.equal(answer.choices[0].finish_reason, "stop");
    checkGptUsage(answer.usage);
    const got = await received(model);
    if (side === "claude") assert.deepEqual(got.system, [{ type: "text", text: "Be brief" }]);
  });

  test(`gpt parallel tools ${how}`, async (side) => {
    const model = modelOf(side, "tools");
    const { message, finish_reason } = (await ask(model, user, { tools: gptTools })).choices[0];
    assert.deepEqual(gptCallsOf(message), callsOf(script.parallel));
    assert.equal(finish_reason, "tool_calls");
    const results = message.tool_calls.map(({ id }) => ({ role: "tool", tool_call_id: id, content: id }));
    const last = await ask(model, [...user, message, ...results], { tools: gptTools });
    assert.equal(last.choices[0].message.content, "done");
    if (side === "claude") assert.equal((await received(model)).messages.length, 3);
  });

  test(`gpt tool loop with thinking ${how}`, async (side) => {
    const model = modelOf(side, "loop");
    const turns = [...user];
    for (const wanted of script.loop) {
      const { message } = (await ask(model, turns, { tools: gptTools, reasoning_effort: "high" })).choices[0];
      assert.deepEqual(gptCallsOf(message), callsOf(wanted));
      turns.push(message);
      for (const { id } of message.tool_calls ?? []) turns.push({ role: "tool", tool_call_id: id, content: id });
    }
    turns.push({ role: "user", content: "Thanks" });
    await ask(model, turns, { tools: gptTools, reasoning_effort: "high" });
    assert.equal((await journal(model)).length, 4); // signatures are judged by the provider
    await received(model);
  });
}

test("gpt images", async (side) => {
  const model = modelOf(side, "images");
  const content = [
    { type: "text", text: "What?" },
    { type: "image_url", image_url: { url: `data:image/png;base64,${png}` } },
  ];
  assert.equal((await gptWhole(model, [{ role: "user", content }])).choices[0].message.content, "two pictures");
  const got = (await received(model)).messages[0].content;
  if (side === "gpt") assert.deepEqual(got, content);
  else assert.deepEqual(got[1].source, { type: "base64", media_type: "image/png", data: png });
});

test("gpt structured", async (side) => {
  const model = modelOf(side, "structured");
  const response_format = { type: "json_schema", json_schema: { name: "city", strict: true, schema: closedSchema } };
  const answer = await gpt.chat.completions.parse({ model, messages: user, response_format });
  assert.deepEqual(answer.choices[0].message.parsed, { city: "Paris", people: 2100000 });
  const got = await received(model);
  if (side === "gpt") assert.deepEqual(got.response_format, response_format);
  else assert.deepEqual(got.output_config.format, { type: "json_schema", schema: closedSchema });
});

test("gpt prompt caching", async (side) => {
  const model = modelOf(side, "cache");
  const marked = side === "claude" ? { cache_control: cache } : {};
  const messages = [{ role: "user", content: [{ type: "text", text: "long", ...marked }] }];
  checkGptUsage((await gptWhole(model, messages)).usage);
  assert.deepEqual((await received(model)).messages, messages);
});

test("gpt abort", async (side) => {
  const model = modelOf(side, "endless");
  const stream = await gptWhole(model, user, { stream: true });
  for await (const chunk of stream) {
    if (chunk.choices[0]?.delta?.content) break;
  }
  stream.controller.abort();
  await closed(model);
});

test("gpt errors", async (side) => {
  const table = [
    [400, OpenAI.BadRequestError],
    [404, OpenAI.NotFoundError],
    [413, OpenAI.APIError],
    [422, OpenAI.UnprocessableEntityError],
    [429, OpenAI.RateLimitError],
    [500, OpenAI.InternalServerError],
    [503, OpenAI.InternalServerError],
    [529, OpenAI.InternalServerError],
  ];
  for (const [status, kind] of table) {
    for (const ask of [gptWhole, gptStreamed]) {
      const error = await raised(kind, () => ask(modelOf(side, `status.${status}`)));
      assert.ok(error.type && error.error.message, JSON.stringify(error));
    }
  }
  const wrong = new OpenAI({ baseURL: base + "/v1", apiKey: "sk-wrong", maxRetries: 0 });
  const ask = (client) => client.chat.completions.create({ model: modelOf(side, "chat"), messages: user });
  await raised(OpenAI.AuthenticationError, () => ask(wrong));
  const afar = new OpenAI({ baseURL: base + "/v1", apiKey: "sk-e2e-key-of-another-place", maxRetries: 0 });
  await raised(OpenAI.PermissionDeniedError, () => ask(afar));
});

test("gpt breaks in mid-stream", async (side) => {
  for (const scenario of ["breaks", "cut"]) {
    let text = "";
    const stream = await gptWhole(modelOf(side, scenario), user, { stream: true });
    await raised(OpenAI.APIError, async () => {
      for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? "";
    });
    assert.equal(text.startsWith("one "), true);
  }
});

let failed = 0;
for (const { name, run } of tests) {
  try {
    await run();
    console.log(`ok node pairs: ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL node pairs: ${name}\n${error.stack}`);
  }
}
process.exit(failed === 0 ? 0 : 1);
