# event: manual
# pipeline: ci
pipeline "ci" {
  on "manual" {}
  job "a" {
    image = "alpine:3.20"
    activity "x" {
      script = "true"
      env = {
        KIND = event.kind == "push" ? "by ${event.actor}" : "manual ${coalesce(event.branch, event.tag, event.commit)}"
      }
    }
  }
}
