// Both Node SDKs on providers of both dialects, against a running sluice. Prints one line a test;
// tests/e2e/run starts everything and adds up.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(process.env.E2E_NODE_MODULES + "/");
const Anthropic = require("@anthropic-ai/sdk").default;
const OpenAI = require("openai").default;

const base = process.env.E2E_DIALECTS;
const apiKey = "sk-e2e-key-of-the-sdk-tests";
const claude = new Anthropic({ baseURL: base, apiKey, maxRetries: 0 });
const gpt = new OpenAI({ baseURL: base + "/v1", apiKey, maxRetries: 0 });
const messages = [{ role: "user", content: "Say hello" }];
const tests = [];
const test = (name, fn) => tests.push({ name, fn });

for (const model of ["chat-1", "messages-1"]) {
  test(`messages ${model}`, async () => {
    const answer = await claude.messages.create({ model, max_tokens: 50, messages });
    assert.equal(answer.stop_reason, "end_turn");
    assert.match(answer.content[0].text, /Say hello/);
  });
  test(`messages stream ${model}`, async () => {
    const stream = claude.messages.stream({ model, max_tokens: 50, messages });
    let text = "";
    stream.on("text", (piece) => (text += piece));
    const answer = await stream.finalMessage();
    assert.match(text, /Say hello/);
    assert.ok(answer.usage.output_tokens > 0);
  });
  test(`messages abort ${model}`, async () => {
    const stream = claude.messages.stream(
      { model, max_tokens: 50, messages },
      { headers: { "x-sluice-mock": "chunk_ms=50" } },
    );
    for await (const event of stream) {
      if (event.type === "content_block_delta") break;
    }
    stream.abort();
  });
  test(`chat ${model}`, async () => {
    const answer = await gpt.chat.completions.create({ model, messages });
    assert.match(answer.choices[0].message.content, /Say hello/);
  });
  test(`chat stream ${model}`, async () => {
    let text = "";
    const stream = await gpt.chat.completions.create({ model, messages, stream: true });
    for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? "";
    assert.match(text, /Say hello/);
  });
  test(`errors ${model}`, async () => {
    await assert.rejects(
      claude.messages.create({ model: "nope", max_tokens: 50, messages }),
      Anthropic.NotFoundError,
    );
    await assert.rejects(
      claude.messages.create(
        { model, max_tokens: 50, messages },
        { headers: { "x-sluice-mock": "status=429" } },
      ),
      Anthropic.RateLimitError,
    );
  });
}

let failed = 0;
for (const { name, fn } of tests) {
  try {
    await fn();
    console.log(`ok node dialects: ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL node dialects: ${name}\n${error.stack}`);
  }
}
process.exit(failed === 0 ? 0 : 1);
