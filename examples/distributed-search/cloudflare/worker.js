// Searches a bucket: POST / hands out the shards, GET / says how far they are and, in the end, what was found.
import { DurableObject } from "cloudflare:workers";
import { loadModel, mergeTopActivations } from "seethrough";
import embedded from "seethrough/default-model";
import { searchShard, shardsOf } from "../search.js";

const messagesPerBatch = 100; // what a queue takes at once

let loading; // kept as long as the isolate lives

async function bytesOf(bucket, key) {
  const object = await bucket.get(key);
  if (!object) throw new Error(`There is no "${key}" in the bucket any more.`);
  return new Uint8Array(await object.arrayBuffer());
}

async function keysOf(bucket) {
  const keys = [];
  for (let cursor, more = true; more; ) {
    const page = await bucket.list({ cursor });
    keys.push(...page.objects.map(({ key }) => key));
    more = page.truncated;
    cursor = page.cursor;
  }
  return keys;
}

const resultOf = (env) => env.RESULT.get(env.RESULT.idFromName("search"));

export default {
  async fetch(request, env) {
    if (request.method === "GET") return Response.json(await resultOf(env).progress());
    if (request.method !== "POST") return new Response("POST begins a search, GET asks how it goes.", { status: 405 });
    const shards = shardsOf(await keysOf(env.IMAGES));
    if (shards.length === 0) return Response.json({ error: "The bucket IMAGES is empty." }, { status: 400 });
    await resultOf(env).begin(shards.map(({ shard }) => shard));
    for (let i = 0; i < shards.length; i += messagesPerBatch) {
      await env.SHARDS.sendBatch(shards.slice(i, i + messagesPerBatch).map((body) => ({ body })));
    }
    return Response.json({ shards: shards.length }, { status: 202 });
  },

  async queue(batch, env) {
    loading ??= loadModel(embedded);
    const model = await loading;
    for (const message of batch.messages) {
      const part = await searchShard(model, message.body, (key) => bytesOf(env.IMAGES, key));
      await resultOf(env).add(part);
      // Only now: a message that is not acknowledged comes again, and a part that comes again changes nothing.
      message.ack();
    }
  },
};

/** Joins the parts and keeps what they have found so far. */
export class Result extends DurableObject {
  constructor(state, env) {
    super(state, env);
    this.sql = state.storage.sql;
    this.sql.exec("CREATE TABLE IF NOT EXISTS shards (name TEXT PRIMARY KEY)");
    this.sql.exec("CREATE TABLE IF NOT EXISTS found (piece INTEGER PRIMARY KEY, text TEXT)");
  }

  begin(names) {
    this.ctx.storage.transactionSync(() => {
      this.sql.exec("DELETE FROM shards");
      this.sql.exec("DELETE FROM found");
      for (const name of names) this.sql.exec("INSERT INTO shards VALUES (?)", name);
    });
  }

  add(part) {
    const found = this.#found();
    this.#keep(found ? mergeTopActivations(found, part) : part);
  }

  progress() {
    const found = this.#found();
    const shards = this.sql.exec("SELECT name FROM shards").toArray();
    const missing = shards.filter(({ name }) => !found?.shards[name]).length;
    return { shards: shards.length, done: shards.length - missing, result: shards.length && !missing ? found : null };
  }

  #found() {
    const pieces = this.sql.exec("SELECT text FROM found ORDER BY piece").toArray();
    return pieces.length ? JSON.parse(pieces.map(({ text }) => text).join("")) : undefined;
  }

  /** In pieces, because a value of the database holds 2 MB. The old ones go and the new ones come in one step. */
  #keep(found) {
    const text = JSON.stringify(found);
    this.ctx.storage.transactionSync(() => {
      this.sql.exec("DELETE FROM found");
      for (let i = 0; i * 500_000 < text.length; i++) {
        this.sql.exec("INSERT INTO found VALUES (?, ?)", i, text.slice(i * 500_000, (i + 1) * 500_000));
      }
    });
  }
}
