// Follows /events. What is drawn comes from the server; here are only the
// clock, the places of now, and putting new parts where the old ones were.
const body = document.body.dataset, $ = id => document.getElementById(id)
let base = +body.now, since = performance.now(), contact = +body.contact, waiting = 0, after = body.after
const now = () => base + performance.now() - since

function span(ms) {
  const s = Math.round(ms / 1000)
  if (s < 120) return s + " s"
  if (s < 7200) return Math.floor(s / 60) + " min " + s % 60 + " s"
  if (s < 172800) return Math.floor(s / 3600) + " h " + Math.floor(s % 3600 / 60) + " min"
  return (s / 86400).toFixed(1) + " days"
}

function tick() {
  const t = now()
  const clock = new Date(t).toISOString()
  const day = new Date(t).toUTCString().slice(0, 16).replace(",", "").replace(" 0", " ")
  $("clock").textContent = day + " " + clock.slice(11, 19)
  $("next").textContent = "Next contact in " + span(Math.max(0, contact - t)) +
    (waiting ? ", " + waiting + (waiting == 1 ? " file waits" : " files wait") + " for it" : "") + "."
  for (const p of document.querySelectorAll(".plot")) {
    const from = +p.dataset.from, to = +p.dataset.to
    p.classList.toggle("outside", t < from || t > to)
    p.style.setProperty("--now", Math.max(0, Math.min(100, 100 * (t - from) / (to - from))).toFixed(3) + "%")
  }
  for (const c of document.querySelectorAll("[data-at]"))
    c.textContent = c.dataset.at > t ? "in " + span(c.dataset.at - t) : ""
}

function part(p) {
  const old = $(p.id)
  if (!old || old.dataset.sum === p.sum) return
  old.innerHTML = p.html
  old.dataset.sum = p.sum
}

let source
function follow() {
  source = new EventSource("/events?after=" + after)
  source.addEventListener("log", e => {
    after = e.lastEventId
    const log = $("log")
    log.insertAdjacentHTML("afterbegin", JSON.parse(e.data))
    while (log.children.length > 500) log.lastElementChild.remove()
  })
  source.addEventListener("part", e => part(JSON.parse(e.data)))
  source.addEventListener("time", e => {
    const t = JSON.parse(e.data)
    if (t.boot !== body.boot) return location.reload()
    base = t.now, since = performance.now(), contact = t.contact, waiting = t.waiting
    $("line").hidden = true
    tick()
  })
  source.onerror = () => { $("line").hidden = false }
}

// A browser has six connections for one server: a page that nobody sees gives
// its own back.
document.addEventListener("visibilitychange", () => document.hidden ? source.close() : follow())
if (!document.hidden) follow()
tick()
setInterval(tick, 250)
