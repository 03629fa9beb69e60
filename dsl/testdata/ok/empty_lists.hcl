# changed:
pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    env = { N = length(coalesce(event.changed, [])), E = join(",", []) }
    agent { labels = [] }
    activity "x" { script = "true" }
  }
}
