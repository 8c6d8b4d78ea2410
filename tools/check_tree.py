#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
