// What every page needs of us: names for the theme's toolbars, and the demo where a page has one.

/** Name the toolbar that the theme puts into each block of code: without a name all these landmarks are alike. */
function nameToolbars() {
  for (const toolbar of document.querySelectorAll(".md-code__nav:not([aria-label])")) {
    const cell = toolbar.closest(".cell");
    const name = cell ? cell.id.replace("cell-", "the cell ") : `block ${blocks().indexOf(toolbar.closest("pre")) + 1}`;
    toolbar.setAttribute("aria-label", `Tools for ${name}`);
  }
}

/** Let a keyboard reach what scrolls sideways: the theme wraps each table when the page has loaded. */
function reachTables() {
  for (const wrap of document.querySelectorAll(".md-typeset__scrollwrap:not([tabindex])")) wrap.tabIndex = 0;
}

const blocks = () => [...document.querySelectorAll("pre")];

/** Start a demo when it comes near the window; what it shows without us stays until then, or for good. */
function startDemos() {
  const near = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        near.unobserve(target);
        import("./demo/explorer.js")
          .then(({ startExplorer }) => startExplorer(target))
          .catch((error) => console.warn(`The demo stays a picture: ${error.message}`));
      }
    },
    { rootMargin: "600px" },
  );
  for (const place of document.querySelectorAll(".explorer")) near.observe(place);
}

function mendTheme() {
  nameToolbars();
  reachTables();
}

new MutationObserver(mendTheme).observe(document.body, { childList: true, subtree: true });
mendTheme();
startDemos();
