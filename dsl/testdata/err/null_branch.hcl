pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    activity "x" {
      script = "true"
      env = { A = "on-${event.branch}", B = coalesce(event.branch, "none"), C = event.tag == null ? "-" : upper(event.tag) }
    }
  }
}
