pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    activity "x" {
      script = "a" == "b" ? "x" : "y"
    }
  }
}

pipeline "two" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    activity "x" {
      script = local.x
    }
  }
}
pipeline "three" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    activity "x" {
      script = file("x.sh")
    }
  }
}
