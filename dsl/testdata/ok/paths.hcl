# changed: docs/a.md src/x/y.go
pipeline "docs" {
  on "push" { paths = ["docs/**", "!**/*.txt"] }
  job "a" {
    image = "alpine:3.20"
    activity "x" { script = "true" }
  }
}
pipeline "web" {
  on "push" { paths = ["web/**"] }
  job "a" {
    image = "alpine:3.20"
    activity "x" { script = "true" }
  }
}
pipeline "go" {
  on "push" {
    branches = ["main"]
    paths    = ["**/*.{go,mod}"]
  }
  job "a" {
    image = "alpine:3.20"
    activity "x" { script = "true" }
  }
}
