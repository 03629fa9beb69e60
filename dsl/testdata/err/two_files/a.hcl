locals { v = local.w }
