locals { branch = event.branch }
pipeline "ci" {
  on "manual" {}
  job "a" {
    image = "alpine:3.20"
    env   = { REF = coalesce(local.branch, event.tag) }
    activity "x" { script = "true" }
  }
}
