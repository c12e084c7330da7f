// node lighthouse.mjs MODULES BROWSER ADDRESS...: a line of JSON an address, its scores and what lost points.
// All in one browser, and without the waiting that only figures of speed need.
const [modules, chromePath, ...addresses] = process.argv.slice(2);
const { default: lighthouse } = await import(`${modules}/lighthouse/core/index.js`);
const { launch } = await import(`${modules}/chrome-launcher/dist/index.js`);

const chrome = await launch({ chromePath, chromeFlags: ["--headless=new", "--no-sandbox", "--disable-gpu"] });
const options = {
  port: chrome.port,
  logLevel: "error",
  onlyCategories: ["accessibility", "best-practices", "seo"],
  throttlingMethod: "provided",
  disableFullPageScreenshot: true,
};
try {
  for (const address of addresses) {
    const { categories, audits } = (await lighthouse(address, options)).lhr;
    const scores = Object.fromEntries(Object.entries(categories).map(([name, { score }]) => [name, score]));
    const lost = Object.values(audits).filter(({ score }) => score === 0).map(({ title }) => title);
    console.log(JSON.stringify({ address, scores, lost }));
  }
} finally {
  chrome.kill();
}
