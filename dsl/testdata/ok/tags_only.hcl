# event: push tag v1.2.3
pipeline "release" {
  on "push" { tags = ["v*", "!*-rc*"] }
  job "a" {
    image = "alpine:3.20"
    activity "x" { command = ["echo", "release ${event.tag}"] }
  }
}
