activity "publish" {
  image        = "alpine:3.20"
  side_effects = true
  retries      = 1
  script       = "make publish"
}
activity "send" {
  input "real" { type = bool }
  image        = "alpine:3.20"
  side_effects = input.real
  retries      = { lost = 2, image = 1 }
  script       = "make send"
}
pipeline "ci" {
  on "push" {}
  job "alone" {
    image = "alpine:3.20"
    activity "number" {
      side_effects = true
      retries      = 3
      script       = "make publish"
    }
    activity "by-cause" {
      side_effects = true
      retries      = { exit = 1, lost = 1 }
      script       = "make publish"
    }
    activity "not-a-bool" {
      side_effects = "yes"
      script       = "make publish"
    }
  }
  job "defined" {
    activity "publish" { use = def.publish }
    activity "again" { use = def.publish }
    activity "safely" {
      use     = def.publish
      retries = { exit = 1 }
    }
    activity "dry" {
      use          = def.publish
      side_effects = false
    }
    activity "own" {
      use          = def.send
      with         = { real = false }
      side_effects = true
    }
    activity "pretend" {
      use  = def.send
      with = { real = false }
    }
  }
  job "whole" {
    image   = "alpine:3.20"
    retries = { lost = 2 }
    activity "compile" { script = "make" }
    activity "publish" {
      side_effects = true
      script       = "make publish"
    }
  }
  job "used" {
    retries = { lost = 1 }
    activity "dry" {
      use          = def.publish
      side_effects = false
      retries      = { lost = 1 }
    }
    activity "publish" { use = def.publish }
  }
  job "never" {
    image   = "alpine:3.20"
    retries = { lost = 1 }
    activity "compile" { script = "make" }
    activity "publish" {
      when = event.branch == "release"
      use  = def.publish
    }
  }
}
