# event: push branch dev
pipeline "release" {
  on "push" { tags = ["v*"] }
  job "a" {
    image = "alpine:3.20"
    activity "x" { script = "true" }
  }
}
pipeline "main" {
  on "push" { branches = ["main", "release/*"] }
  job "a" {
    image = "alpine:3.20"
    activity "x" { script = "true" }
  }
}
