// Posts what an example shows in its <output>, as a line of text, once it is there; an empty canvas is named too.
const timer = setInterval(() => {
  const { textContent } = document.querySelector("output");
  if (textContent === "") return;
  clearInterval(timer);
  const { width, height } = document.querySelector("canvas");
  const { data } = document.querySelector("canvas").getContext("2d").getImageData(0, 0, width, height);
  const drawn = data.some((value) => value !== 0) ? "" : ", but the canvas is empty";
  fetch("/report", { method: "POST", body: `${textContent}${drawn}\n` });
}, 20);
