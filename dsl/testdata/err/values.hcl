pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    timeout = "soon"
    agent { labels = ["gpu", "gpu=h100", "a = b"] }
    activity "x" {
      image   = "Not An Image"
      script  = "true"
      timeout = "90"
    }
    activity "y" {
      image   = "$REGISTRY/tool"
      script  = "true"
      timeout = "400d"
    }
  }
}
