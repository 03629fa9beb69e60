activity "publish" {
  image        = "alpine:3.20"
  side_effects = true
  script       = "make publish"
}
locals { tries = { lost = 3 } }
pipeline "ci" {
  on "push" {}
  job "plain" {
    image   = "alpine:3.20"
    retries = { lost = 2 }
    fence   = "30m"
    activity "x" { script = "true" }
  }
  job "none" {
    image   = "alpine:3.20"
    retries = { lost = 0 }
    fence   = "1d"
    activity "x" {
      retries = {}
      script  = "true"
    }
  }
  job "each" {
    image = "alpine:3.20"
    matrix { axes = { long = [true, false] } }
    retries = local.tries
    fence   = matrix.long ? "2h" : "1m"
    activity "x" { script = "true" }
  }
  job "deploy" {
    activity "publish" {
      use     = def.publish
      retries = { exit = 1 }
    }
    activity "dry" {
      use          = def.publish
      side_effects = false
      retries      = { lost = 1 }
    }
  }
}
