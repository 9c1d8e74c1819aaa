// Sends a thousand requests at once to the Worker of examples/cloudflare-worker, most of them bad, and prints what became of them.
import photo from "../photo.png";
import worker from "../worker.js";

const ask = (body, query = "") =>
  worker.fetch(new Request(`https://explain.example/${query}`, { method: "POST", body }));

/** Four big-endian bytes. */
const word = (value) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255);

/** A PNG whose header says 30,000 by 30,000. */
const huge = () => {
  const bytes = new Uint8Array(photo).slice();
  bytes.set([...word(30_000), ...word(30_000)], 16);
  return bytes;
};

/** A body of 40 MB that nobody announces. */
const endless = () => {
  let sent = 0;
  return new ReadableStream({
    pull(controller) {
      if (++sent > 640) controller.close();
      else controller.enqueue(new Uint8Array(65_536).fill(sent));
    },
  });
};

const bad = [
  () => ask(new Uint8Array(photo).slice(0, 500)),
  () => ask("hello"),
  () => ask(undefined),
  () => ask(huge()),
  () => ask(endless()),
  () => ask(photo, "?target=unicorn"),
  () => ask(photo, "?method=toString"),
];

export default {
  async test() {
    const first = await ask(photo);
    const expected = JSON.stringify(await first.json());
    console.log(JSON.stringify({ first: first.status }));
    const count = 1000;
    const found = { good: 0, same: 0, refused: {} };
    await Promise.all(
      Array.from({ length: count }, async (_, i) => {
        const isGood = i % 4 === 0;
        const response = await (isGood ? ask(photo) : bad[i % bad.length]());
        const body = await response.text();
        if (isGood) {
          found.good += response.status === 200 ? 1 : 0;
          found.same += body === expected ? 1 : 0;
        } else found.refused[response.status] = (found.refused[response.status] ?? 0) + 1;
      }),
    );
    const silent = new ReadableStream({ pull: () => new Promise(() => {}) });
    const late = await ask(silent);
    const after = await ask(photo);
    console.log(JSON.stringify({ ...found, late: late.status, after: after.status }));
    // Whoever reads that line asks how much memory this process holds.
    await new Promise((resolve) => setTimeout(resolve, 1000));
  },
};
