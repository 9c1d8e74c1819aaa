/** Posts a report, or why there is none, to the server the page came from. */
export async function post(report) {
  const answer = await report.catch((error) => ({ error: `${error}\n${error.stack}` }));
  await fetch("/report", { method: "POST", body: JSON.stringify(answer) });
}
