// Posts what an example shows in its <output>, as a line of text, once it is there.
const timer = setInterval(() => {
  const { textContent } = document.querySelector("output");
  if (textContent === "") return;
  clearInterval(timer);
  fetch("/report", { method: "POST", body: `${textContent}\n` });
}, 20);
