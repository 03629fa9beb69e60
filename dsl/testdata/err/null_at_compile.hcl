# event: push tag v1
pipeline "ci" {
  on "push" { branches = ["*"] }
  on "manual" {}
  job "a" {
    image = "alpine:3.20"
    activity "x" {
      script = "true"
      env = { A = event.tag != "v2" ? coalesce(event.branch, event.tag) : "x" }
    }
  }
}
