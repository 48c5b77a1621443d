"""Image and feature metrics: PSNR, SSIM, Frechet and kernel distance, LPIPS, FVD."""
