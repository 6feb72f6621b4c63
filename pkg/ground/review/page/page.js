// Sorts the runs by the column whose head is pressed, and unfolds the run that a
// link leads to.
const table = document.getElementById("runs")
if (table) for (const [i, head] of [...table.tHead.rows[0].cells].entries()) head.addEventListener("click", () => {
  const down = head.getAttribute("aria-sort") !== "descending"
  for (const h of table.tHead.rows[0].cells) h.removeAttribute("aria-sort")
  head.setAttribute("aria-sort", down ? "descending" : "ascending")
  const value = row => row.cells[i].dataset.v
  const order = new Intl.Collator("en", { numeric: true }).compare
  const rows = [...table.tBodies[0].rows].sort((a, b) => order(value(a), value(b)))
  table.tBodies[0].append(...(down ? rows.reverse() : rows))
})
function unfold() {
  const run = document.getElementById(location.hash.slice(1))
  if (run && run.tagName == "DETAILS") run.open = true
}
addEventListener("hashchange", unfold)
unfold()
