# event: push branch feature/x
pipeline "ci" {
  on "push" { branches = ["**"] }
  job "a" {
    image = "alpine:3.20"
    activity "x" {
      script = "true"
      image = "registry.example.com/${event.branch}:1"
      timeout = event.branch == "main" ? "1h" : event.kind
    }
  }
}
