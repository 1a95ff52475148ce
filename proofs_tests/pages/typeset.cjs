// Formulas in, HTML out, a line of JSON each: {tex, display} becomes {html} or {error}.  argv[2] is the folder of KaTeX.
const katex = require(process.argv[2]);
const lines = require("node:readline").createInterface({ input: process.stdin, terminal: false });

lines.on("line", (line) => {
  const { tex, display } = JSON.parse(line);
  let answer;
  try {
    const options = { displayMode: display, throwOnError: true, strict: "error", output: "htmlAndMathml" };
    answer = { html: katex.renderToString(tex, options) };
  } catch (error) {
    answer = { error: String(error.message) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
});
