locals { v = 2 }
pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    activity "x" {
      script = "true"
          }
          activity "x" {
            script = "false"
    }
  }
}
tutti { language = 1 }
tutti { language = 1 }
