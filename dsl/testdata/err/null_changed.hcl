pipeline "ci" {
  on "push" { branches = ["**"] }
  on "pull_request" {}
  job "docs" {
    when  = contains(event.changed, "docs/index.md")
    image = "alpine:3.20"
    activity "render" { script = "true" }
  }
  job "known" {
    when  = event.changed == null ? true : contains(event.changed, "a")
    image = "alpine:3.20"
    env   = { N = length(coalesce(event.changed, [])) }
    activity "render" { script = "true" }
  }
}
