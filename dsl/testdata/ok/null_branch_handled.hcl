# event: push tag v1.2.3
pipeline "ci" {
  on "push" {}
  on "manual" {}
  job "a" {
    image = "alpine:3.20"
    activity "x" {
      script = "true"
      env = {
        A = coalesce(event.branch, "none")
        B = event.tag == null ? "no tag" : "tag ${event.tag}"
        C = event.tag != null ? trimprefix(event.tag, "v") : "dev"
        D = event.branch == "main"
      }
    }
  }
}
