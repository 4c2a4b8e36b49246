// Before anything is drawn: the theme that was chosen, or the one of the system.
document.documentElement.dataset.theme = (() => {
  try {
    const kept = localStorage.getItem("theme");
    if (kept === "dark" || kept === "light") return kept;
  } catch { /* a browser that keeps nothing */ }
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
})();
